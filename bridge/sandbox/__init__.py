"""A world on this machine: mock Kafka, Schema Registry, FullStory and made-up traffic."""
