"""Batch imports: sources to tasks, prompts of a batch, segments, automatic masks, status."""
