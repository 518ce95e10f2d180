"""Stored masks as labelled videos."""
