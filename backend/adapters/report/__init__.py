"""The HTML report of a propagated video: its uncertainty over time and the frames to review."""
