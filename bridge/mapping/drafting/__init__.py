"""Drafts a first mapping file from a schema and some records."""
