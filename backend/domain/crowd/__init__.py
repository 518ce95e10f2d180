"""Crowds: who does which step of a masklet, how far people agree, and how far each is trusted."""
