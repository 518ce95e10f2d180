"""One job in a worker process: decode, propagate, score, store."""
