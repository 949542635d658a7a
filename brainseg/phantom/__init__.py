"""Synthetic patients, generated from formulas, to try the pipeline without real scans."""
