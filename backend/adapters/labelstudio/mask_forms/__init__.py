"""Mask encodings of Label Studio: brush RLE, PNG data URLs and polygons."""
