"""`masklet crowd`: setting up, effort, quality and gold of crowds."""
