"""The formulas behind every score: plain NumPy, no files, truth and prediction keyword-only."""
