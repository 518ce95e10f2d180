"""The parts of the player's benchmark: servers, videos, stored masks, the page's probe, and measurements."""
