"""The tests in mapping files."""
