"""Data-set formats: one module per format, shared code in `shared`."""
