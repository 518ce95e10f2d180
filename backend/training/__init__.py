"""Training: of the demo checkpoint (by `scripts/training`) and on a project's own labels (by the product)."""
