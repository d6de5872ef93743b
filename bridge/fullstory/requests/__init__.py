"""A custom event as the request that every attempt sends."""
