"""Builds the request for a custom event."""
