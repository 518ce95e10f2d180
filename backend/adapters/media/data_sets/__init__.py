"""Data sets of other tools, and of Masklet's export, as the first prompts of a batch."""
