"""Scores per patient with confidence intervals, the choice of the operating point, and comparisons between runs."""
