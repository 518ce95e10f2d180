"""Drawn scenes: objects with exact masks, of which the demo checkpoint was trained."""
