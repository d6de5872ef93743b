"""The sections of the settings file, and the types of their values."""
