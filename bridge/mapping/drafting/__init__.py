"""A first mapping file, drafted from a schema and some records."""
