"""A propagated video on one page: its uncertainty over time and the frames to look at, for people."""
