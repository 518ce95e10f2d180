"""Use cases of the player: the page on which a person prompts objects in a video and follows their masks."""
