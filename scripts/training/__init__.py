"""The demo checkpoint's training: data, model, losses, loop."""
