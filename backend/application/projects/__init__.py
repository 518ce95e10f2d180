"""Projects: connecting one to Masklet, and making a connected one."""
