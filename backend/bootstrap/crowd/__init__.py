"""Wiring of crowds."""
