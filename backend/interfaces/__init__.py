"""What the outside meets: the HTTP service, the worker's entry point, the command line."""
