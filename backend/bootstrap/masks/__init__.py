"""Wiring of the store of masks: in the data folder, or one that machines share."""
