"""What `./scripts/gpu_check` runs: the checks and figures of a machine with a GPU, each in a process of its own."""
