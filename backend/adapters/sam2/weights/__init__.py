"""Checkpoints and calibrators: listing, fetching, loading."""
