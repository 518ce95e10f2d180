"""Calls of Label Studio's API."""
