"""Figures: tables and slices in, PNG files out."""
