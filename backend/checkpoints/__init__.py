"""The demo checkpoint as package data: weights, config, facts and model card. Holds no code."""
