"""Generates reader functions for one schema and the wanted paths."""
