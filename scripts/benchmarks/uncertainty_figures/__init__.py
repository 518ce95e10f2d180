"""The figures of the uncertainty benchmark."""
