"""Wiring: which adapter serves which port. The only reader of the settings."""
