"""Pictures for training: their packages, the fetch, the cut-outs, the index."""
