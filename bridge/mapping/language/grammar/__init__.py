"""The mapping file's grammar as models."""
