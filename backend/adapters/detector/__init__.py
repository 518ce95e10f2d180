"""Open-vocabulary detectors: objects in a picture by a text."""
