"""Business events from Kafka, attached to the user's recent FullStory session."""

__version__ = "0.1.0"
