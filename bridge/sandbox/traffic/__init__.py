"""Example payments and orders, and what should become of each."""
