"""Jobs in the ledger: submission, recovery after crashes, pushing predictions, retention, queries."""
