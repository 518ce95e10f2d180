"""Fitting of calibrators: tracking runs with known errors, their features, the networks."""
