"""Training: the slices as augmented batches, the losses, the training loop and its checkpoints."""
