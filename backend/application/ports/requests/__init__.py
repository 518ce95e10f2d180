"""Requests from the web process to a worker that are not jobs: they may be lost."""
