"""Media that Masklet serves to browsers."""
