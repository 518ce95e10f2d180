"""Local servers that stand for others: object storage, checkpoints, any site."""
