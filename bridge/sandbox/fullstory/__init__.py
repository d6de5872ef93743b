"""A local stand-in for the FullStory API, with faults on demand."""
