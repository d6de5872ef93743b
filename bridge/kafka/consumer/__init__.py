"""The poll thread and everything that it owns."""
