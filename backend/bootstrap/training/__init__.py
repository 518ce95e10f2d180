"""Wiring of trainings, and of the model in use."""
