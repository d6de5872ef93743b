"""A local sandbox: mock Kafka, Schema Registry, FullStory stand-in and generated traffic."""
