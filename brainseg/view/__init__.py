"""The page that outlines in the browser: the command `brainseg view`, and the loopback server behind it."""
