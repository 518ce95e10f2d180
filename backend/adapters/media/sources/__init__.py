"""Batches: the media that imports brought, their addresses, and the record of what was imported."""
