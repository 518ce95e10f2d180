"""What a process counts of its work, for /metrics."""
