"""Routes work between the projects of a crowd, and says how it stands."""
