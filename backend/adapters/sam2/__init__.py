"""SAM 2 behind the Segmenter port: checkpoints, and an engine that streams frames in constant memory."""

from backend.adapters.sam2.runtime.cpu_threads import bound_spinning

# OpenMP reads its settings when torch is loaded, which the modules of this package do.
bound_spinning()
