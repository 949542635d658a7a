"""Stages of the pipeline: one file, one stage of dvc.yaml, one section of params.yaml."""
