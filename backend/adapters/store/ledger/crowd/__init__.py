"""The ledger's rows of crowds: routing, quality, effort, and the lead's page."""
