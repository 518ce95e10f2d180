"""Simulated workers of `./scripts/bench fleet`."""
