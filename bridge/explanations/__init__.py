"""The explanation text for each diagnostic code."""
