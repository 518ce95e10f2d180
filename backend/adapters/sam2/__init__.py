"""SAM 2 behind the Segmenter port: checkpoints, and an engine that streams frames in constant memory."""
