"""What runs for each record: plans, readers and outcomes."""
