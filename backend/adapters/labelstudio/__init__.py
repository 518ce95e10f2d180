"""Label Studio's JSON, label configs, RLE and HTTP API, each translated to and from domain values."""
