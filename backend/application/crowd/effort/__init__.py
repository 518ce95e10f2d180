"""Effort of people: sums over objects by person, size and phase."""
