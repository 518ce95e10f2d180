"""What Masklet keeps: the ledger in a database, masks in files."""
