"""Checks over all mappings and all schema versions together."""
