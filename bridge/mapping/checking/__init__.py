"""What can be seen only over all mappings and all schema versions together."""
