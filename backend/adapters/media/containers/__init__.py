"""What is in a video file: which browsers play it, which packets show a frame, which packet a frame is from."""
