"""Objects by key, in files or in an S3-compatible store."""
