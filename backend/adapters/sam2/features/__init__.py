"""Encoded frames: preprocessing, loading, caching."""
