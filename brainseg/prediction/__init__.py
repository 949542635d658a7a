"""Applying the model to volumes, and turning probability maps into masks."""
