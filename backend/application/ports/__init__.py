"""What the use cases need from outside: protocols and their no-op implementations."""
