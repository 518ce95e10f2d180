"""A domain that no model of Masklet was trained on: cells under a microscope, drawn."""
