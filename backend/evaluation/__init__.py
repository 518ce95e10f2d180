"""`masklet eval`: the protocol, the metrics and the held-out synthetic clips."""
