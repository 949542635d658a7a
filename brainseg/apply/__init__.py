"""Applying a trained model to the scans people have: the command `brainseg predict`, and the same as functions."""
