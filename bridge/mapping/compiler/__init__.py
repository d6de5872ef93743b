"""A mapping rule and a schema become closures."""
