"""Ports of what the web processes of a cluster share."""
