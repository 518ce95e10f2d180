"""Data-set formats: one module a format, and what they share."""
