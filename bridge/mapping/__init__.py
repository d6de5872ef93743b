"""What to send: the mapping file's rules, checked against schemas and compiled once."""
