"""What a checkpoint does on videos that nobody trained on: masks, clicks, calibration, and what it forgot."""
