"""From slices to probability maps, and from probability maps to masks."""
