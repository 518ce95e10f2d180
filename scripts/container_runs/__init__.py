"""Builds the images, runs docker-compose.yml and tries it: `./scripts/containers`."""
