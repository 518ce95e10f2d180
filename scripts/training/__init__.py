"""Training of the demo checkpoint: data, model, losses, loop."""
