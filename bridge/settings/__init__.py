"""The settings model, and where each value came from."""
