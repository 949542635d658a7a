"""Formulas of the scores, in NumPy and SciPy: no files, and reference and prediction passed by keyword only."""
