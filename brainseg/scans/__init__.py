"""Scans as people have them: recognising, reading, and writing results back in the same form."""
