"""A folder of slices on disk: checking it, listing it, splitting it."""
