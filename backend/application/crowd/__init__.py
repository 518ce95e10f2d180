"""Use cases of people who lead a crowd: routing, agreement, consensus, gold, trust, effort, the lead's page."""
