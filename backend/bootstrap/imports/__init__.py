"""Wiring of imports: batches, their prompts, their status, and renewed addresses."""
