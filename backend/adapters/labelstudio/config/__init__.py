"""The label config: controls, objects, labels, action labels."""
