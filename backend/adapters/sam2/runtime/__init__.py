"""How the model runs: device, precision, compiled steps, CUDA graphs, attention kernels."""
