"""Calls to Label Studio's API and media downloads."""
