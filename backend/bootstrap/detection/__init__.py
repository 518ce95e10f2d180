"""Wiring of what finds objects by a text."""
