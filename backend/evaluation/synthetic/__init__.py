"""Synthetic video with exact masks: the held-out clips and the renderer of scenes."""
