"""A model for real footage: sam2's model on a trunk that was trained with photographs."""
