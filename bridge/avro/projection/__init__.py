"""Functions written for one schema and the paths that are wanted of it."""
