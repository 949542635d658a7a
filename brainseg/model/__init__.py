"""The network, the backend it runs on, and the file it is saved in."""
