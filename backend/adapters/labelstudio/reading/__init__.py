"""Tasks, annotations and regions of Label Studio, read into domain values."""
