"""What is seen of a running bridge: its log and its counts."""
