"""The parts of the SAM 2 network, and the memory bank."""
