"""The code that runs for each record: plans, readers and outcomes."""
