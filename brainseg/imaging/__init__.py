"""What a slice is, how it is read, and how it is prepared for the network."""
