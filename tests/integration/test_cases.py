"""The cases of `tests/cases` on the real services, with each request byte for byte."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.cases.load import FOLDER, Case, ExpectedRequest, load_case
from tests.integration.running import (
    KEY,
    BridgeProcess,
    FullStoryProcess,
    committed,
    ends,
    write_settings,
)
from tests.services.confluent import registry_client, serializer
from tests.services.kafka import KafkaCluster

KEPT = {"retention.ms": "-1"}
CASES = {file.stem: load_case(file) for file in sorted(FOLDER.glob("*.yaml"))}


@pytest.mark.timeout(120)
def test_every_case_sends_its_expected_requests(
    kafka: KafkaCluster, apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    """One bridge processes all cases, from Confluent's serializer to the stand-in's ledger."""
    # Unlimited retention, which would otherwise delete records of 1970.
    topics = {name: kafka.create_topic(unique(name), config=KEPT) for name in CASES}
    dead_letters, group = kafka.create_topic(unique("dead-letters")), unique("group")
    (tmp_path / "mappings").mkdir()
    for name, case in CASES.items():
        (tmp_path / "mappings" / f"{name}.yaml").write_text(json.dumps(_mapping(name, case)))
    with closing(registry_client(apicurio_url)) as registry:
        for name, case in CASES.items():
            _write(kafka, registry, topics[name], case)

    with FullStoryProcess(tmp_path) as fullstory:
        settings = {
            "kafka": {"bootstrap.servers": kafka.bootstrap_servers, "group.id": group},
            "mappings": ["mappings/*.yaml"],
            "topic_names": {_topic(name, case): topics[name] for name, case in CASES.items()},
            "start": "earliest",
            "avro": {"registry": {"url": apicurio_url}},
            "fullstory": {"key": KEY, "base_url": fullstory.url, "max_event_age": None},
            "dead_letters": {"topic": dead_letters},
        }
        with BridgeProcess(write_settings(tmp_path, settings)) as bridge:
            bridge.wait_until_committed(kafka, group, list(topics.values()))
            assert bridge.stop() == 0
        sent = [ExpectedRequest(one.path, one.body) for one in fullstory.accepted]

    assert committed(kafka, group, list(topics.values())) == ends(kafka, list(topics.values()))
    assert sum(len(case.requests) for case in CASES.values()) >= 15
    for name, case in CASES.items():
        of_case = [one for one in sent if one in case.requests]
        assert (name, of_case) == (name, list(case.requests))
    assert len(sent) == sum(len(case.requests) for case in CASES.values())
    assert Counter(map(_reason, kafka.read(dead_letters))) == Counter(
        (f"{name}-{mapping}", reason)
        for name, case in CASES.items()
        for mapping, reason in case.rejected
    )


def _topic(name: str, case: Case) -> str:
    """The topic in the mapping file: the case's topic if the mapping sends it to FullStory."""
    return case.topic if "$topic" in str(case.mapping.data) else name


def _mapping(name: str, case: Case) -> dict[str, Any]:
    """The case's mapping with unique names."""
    data: dict[str, Any] = copy.deepcopy(case.mapping.data)
    data["mappings"] = [one for one in data["mappings"] if case.topic in one["topics"]]
    for mapping in data["mappings"]:
        mapping["name"] = f"{name}-{mapping['name']}".replace("_", "-")
        mapping["topics"] = [_topic(name, case)]
    return data


def _write(kafka: KafkaCluster, registry: SchemaRegistryClient, topic: str, case: Case) -> None:
    value: bytes | None = None
    serialize = serializer(registry, case.schema)
    if case.value is not None:
        value = serialize(case.value, SerializationContext(topic, MessageField.VALUE))
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all"})
    headers: list[tuple[str, str | bytes | None]] = list(case.headers)
    timestamp_ms = max(case.timestamp_ms, 0)  # librdkafka treats 0 as "now"
    producer.produce(topic, value, case.key, headers=headers, timestamp=timestamp_ms)
    assert producer.flush(10) == 0


def _reason(dead_letter: Message) -> tuple[str, str]:
    headers = dead_letter.headers()
    assert isinstance(headers, list)
    headers_by_name = {name: value.decode() for name, value in headers if isinstance(value, bytes)}
    return headers_by_name["fullstory_bridge.mapping"], headers_by_name["fullstory_bridge.reason"]
