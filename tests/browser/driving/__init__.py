"""Drives the pages: Label Studio's editor, the player; makes projects."""
