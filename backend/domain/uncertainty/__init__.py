"""How uncertain a mask is, by its evidence, and which frame to review next."""
