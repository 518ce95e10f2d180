"""Mask forms of Label Studio: brush RLE and pictures."""
