"""Scores per patient, their confidence intervals, and comparisons between runs."""
