"""Trainings on a project's labels: requests, labels, attempts, recovery."""
