"""The bridge put together: its configuration, its components, the run, and a replay."""
