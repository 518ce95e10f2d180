"""Wiring of what the processes of a cluster share."""
