"""The figures of `./scripts/bench engine`, each a module of its own, and what they share."""
