"""The only home of confluent_kafka: the consumer's thread, the dead letters' producer, look-ups."""
