"""What a mapping file may say: its grammar, and every check that needs no schema."""
