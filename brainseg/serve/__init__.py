"""`brainseg serve`: a scan in by HTTP, its mask out; nothing is kept."""
