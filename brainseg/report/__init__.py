"""Pages to open in a browser, without internet: the report of a run, quality control of outlines, two runs compared."""
