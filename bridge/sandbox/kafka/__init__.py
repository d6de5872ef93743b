"""A Kafka on this machine: the mock cluster of librdkafka."""
