"""What the network learns from and how it is trained."""
