"""The ledger in SQLite or PostgreSQL."""
