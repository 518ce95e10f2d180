"""The simulated crowd of `./scripts/bench crowd`: people, their work, gold, and the figures."""
