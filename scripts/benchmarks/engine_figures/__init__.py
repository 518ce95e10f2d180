"""The figures of `./scripts/bench engine`, one module each, and their shared parts."""
