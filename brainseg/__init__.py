"""Outlines lower-grade gliomas in brain MRI, and says how far the outlines can be trusted."""
