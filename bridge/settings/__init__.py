"""The settings model, its sources, and the origin of each value."""
