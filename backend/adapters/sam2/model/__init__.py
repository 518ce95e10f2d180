"""The SAM 2 network, cut into its parts, and the memory bank."""
