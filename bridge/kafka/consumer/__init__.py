"""The poll thread, and all that it owns."""
