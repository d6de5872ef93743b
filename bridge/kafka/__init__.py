"""The only package that uses confluent_kafka: consumer thread, dead-letter producer and lookups."""
