"""Parses YAML to plain data with positions, and reports mistakes at their position."""
