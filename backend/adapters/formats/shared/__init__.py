"""Shared code of the export formats."""
