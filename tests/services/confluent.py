"""Confluent's registry client and serializer, as a typical producer uses them, with timeouts.

Invariants: every request has a timeout, because the client has no default. The subject depends on
the topic, so the serializer does not request associations: Apicurio does not have them and has
left such requests unanswered.
"""

from typing import Any, Final

from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer

_TIMEOUT_S: Final = 10


def registry_client(url: str) -> SchemaRegistryClient:
    """Confluent's registry client; the caller closes it."""
    return SchemaRegistryClient({"url": url, "timeout": _TIMEOUT_S})


def serializer(
    client: SchemaRegistryClient, schema: Any, conf: dict[str, Any] | None = None
) -> AvroSerializer:
    """Confluent's serializer for one schema; the subject depends on the topic."""
    strategy = {"subject.name.strategy": topic_subject_name_strategy}
    made: AvroSerializer = AvroSerializer(client, schema, conf={**strategy, **(conf or {})})
    return made
