"""Confluent's own client and serializer, as a team's producer would use them, with time limits.

Invariants: no question waits for ever, since the client has no limit of its own; and the subject is
told by the topic, so that the serializer does not ask for associations, which Apicurio does not
have and has been seen to leave unanswered.
"""

from typing import Any, Final

from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer

_TIMEOUT_S: Final = 10


def registry_client(url: str) -> SchemaRegistryClient:
    """Confluent's client of the registry; close it."""
    return SchemaRegistryClient({"url": url, "timeout": _TIMEOUT_S})


def serializer(
    client: SchemaRegistryClient, schema: Any, conf: dict[str, Any] | None = None
) -> AvroSerializer:
    """Confluent's serializer for one schema; the subject is the topic's."""
    strategy = {"subject.name.strategy": topic_subject_name_strategy}
    made: AvroSerializer = AvroSerializer(client, schema, conf={**strategy, **(conf or {})})
    return made
