"""Mask runs in files."""
