"""A FullStory API on this machine, with faults on demand."""
