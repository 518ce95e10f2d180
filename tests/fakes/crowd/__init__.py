"""Fakes of crowds."""
