"""The mapping file's grammar, and every check that needs no schema."""
