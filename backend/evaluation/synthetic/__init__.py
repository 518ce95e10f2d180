"""Synthetic video with exact masks: the held-out clips, the demo clip, and the stage they are drawn on."""
