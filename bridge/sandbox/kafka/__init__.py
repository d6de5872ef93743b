"""A local Kafka: librdkafka's mock cluster."""
