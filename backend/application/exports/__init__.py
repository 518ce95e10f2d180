"""Exports: labelled videos to data set formats."""
