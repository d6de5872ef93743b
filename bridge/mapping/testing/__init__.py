"""The tests beside the mappings."""
