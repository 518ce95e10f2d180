"""Progress of the commands that take long."""
