"""Other trackers with SAM 2's structure, from checkpoints in transformers' format. Imported only if one is chosen."""
