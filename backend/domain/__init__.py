"""Values and pure rules. Imports numpy and the standard library, nothing else."""
