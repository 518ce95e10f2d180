"""What the machine itself gives: its clocks, and a lock on a folder."""
