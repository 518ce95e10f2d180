"""Several hosts that share no disk, as containers: `./scripts/containers test --hosts N`."""
