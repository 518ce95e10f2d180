"""The work of the steps. Each function yields named figures, as numbers or text."""
