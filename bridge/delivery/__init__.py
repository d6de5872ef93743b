"""Retries, rate limits, dead letters and commit progress: pure, time is an argument."""
