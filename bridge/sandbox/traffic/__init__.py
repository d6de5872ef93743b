"""Example payments and orders, and the expected outcome of each."""
