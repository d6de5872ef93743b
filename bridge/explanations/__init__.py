"""The paragraph behind each diagnostic code."""
