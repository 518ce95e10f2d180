"""Wiring of `masklet next` and `masklet report`."""
