"""What a process tells those who run it: measures and log lines."""
