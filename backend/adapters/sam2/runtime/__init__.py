"""Execution of the model: device, precision, compiled steps, CUDA graphs, attention kernels."""
