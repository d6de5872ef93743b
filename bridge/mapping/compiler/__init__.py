"""Compiles a mapping rule and a schema into closures."""
