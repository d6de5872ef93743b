"""The assembled bridge: its configuration, components, run, replay and replay dry run."""
