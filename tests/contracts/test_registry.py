"""The registry client with the sandbox's registry and with a real one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bridge.avro.decoder import AvroDecoder, DecodedValue
from bridge.avro.registry.client import RegistryClient
from bridge.avro.registry.transport import RegistryOptions
from bridge.avro.wire_formats import SchemaGuid, SchemaId
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.mapping.runtime.plan import WantedPaths
from bridge.records import Assignment, Headers, Record
from bridge.sandbox.registry import RegistryStandIn
from bridge.schema import types as tree

MONEY = {
    "type": "record",
    "name": "shop.Money",
    "fields": [{"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}],
}
PAYMENT = {
    "type": "record",
    "name": "shop.Payment",
    "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": ["null", "shop.Money"]}],
}
ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [{"name": "payment", "type": "shop.Payment"}, {"name": "fee", "type": "shop.Money"}],
}

WHOLE = WantedPaths(filter=frozenset(), all=frozenset({()}))
JSON_SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'


@dataclass(frozen=True)
class RegistryTopic:
    """A registry, with a unique topic and subject."""

    url: str
    subject: str
    topic: str


@dataclass(frozen=True)
class Plan:
    """The fake compiled mappings of a schema."""

    schema: tree.Schema
    wanted: WantedPaths = WHOLE


@pytest.fixture(params=["stand-in", pytest.param("apicurio", marks=pytest.mark.real)])
def real_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of the real registry, or None for the stand-in."""
    return request.getfixturevalue("apicurio_url") if request.param == "apicurio" else None


@pytest.fixture
async def registry_topic(real_url: str | None) -> AsyncIterator[RegistryTopic]:
    """A registry and an unused topic."""
    topic = f"topic-{uuid4().hex[:12]}"
    if real_url is not None:
        yield RegistryTopic(real_url, f"{topic}-value", topic)
        return
    async with RegistryStandIn() as registry:
        yield RegistryTopic(registry.url, f"{topic}-value", topic)


async def _register(registry_topic: RegistryTopic, subject: str, schema: Schema) -> int:
    def register() -> int:
        with SchemaRegistryClient({"url": registry_topic.url}) as client:
            return int(client.register_schema(subject, schema))

    return await asyncio.to_thread(register)


async def _serialized(
    registry_topic: RegistryTopic,
    schema: Schema,
    value: dict[str, Any],
    id_serializer: Callable[..., bytes] | None,
) -> Record:
    """A record encoded by Confluent's own serializer."""

    def write() -> tuple[bytes, Headers]:
        conf: dict[str, Any] = {"subject.name.strategy": topic_subject_name_strategy}
        if id_serializer is not None:
            conf["schema.id.serializer"] = id_serializer
        headers: list[tuple[str, str | bytes | None]] = []
        with SchemaRegistryClient({"url": registry_topic.url}) as client:
            serialize = AvroSerializer(client, schema, conf=conf)
            context = SerializationContext(registry_topic.topic, MessageField.VALUE, headers)
            body = serialize(value, context)
        assert body is not None
        return body, [(name, content) for name, content in headers if isinstance(content, bytes)]

    body, headers = await asyncio.to_thread(write)
    assignment = Assignment(registry_topic.topic, 0)
    return Record(registry_topic.topic, 0, 0, 0, None, body, assignment, lambda: headers)


async def _decoded(registry_topic: RegistryTopic, record: Record) -> DecodedValue[Plan]:
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        decoder = AvroDecoder[Plan](client, {}, lambda topic, schema: Plan(schema))
        assert decoder.decode(record) is None
        await decoder.prepare(record)
        decoded = decoder.decode(record)
    assert decoded is not None
    return decoded


def _reference(name: str, subject: str) -> SchemaReference:
    return SchemaReference(name=name, subject=subject, version=1)


async def test_records_of_confluents_serializer_are_decoded(registry_topic: RegistryTopic) -> None:
    """The id in the prefix identifies the writer schema."""
    value = {"amount": 1250, "currency": "EUR"}
    record = await _serialized(registry_topic, Schema(json.dumps(MONEY)), value, None)
    decoded = await _decoded(registry_topic, record)
    assert decoded.value == value
    assert decoded.record_name == "shop.Money"
    assert decoded.compiled.schema.root == tree.Reference("shop.Money")


async def test_a_schema_is_fetched_with_its_references(registry_topic: RegistryTopic) -> None:
    """Including indirect references and a type that is referenced twice."""
    money, payment = f"{registry_topic.topic}-money", f"{registry_topic.topic}-payment"
    await _register(registry_topic, money, Schema(json.dumps(MONEY)))
    refers_to_money = [_reference("shop.Money", money)]
    await _register(registry_topic, payment, Schema(json.dumps(PAYMENT), "AVRO", refers_to_money))
    order = Schema(
        json.dumps(ORDER), "AVRO", [_reference("shop.Payment", payment), *refers_to_money]
    )
    total = {"amount": 5, "currency": "CHF"}
    value = {"payment": {"id": "p1", "total": total}, "fee": total}
    decoded = await _decoded(registry_topic, await _serialized(registry_topic, order, value, None))
    assert decoded.value == value
    assert set(decoded.compiled.schema.names) == {"shop.Money", "shop.Payment", "shop.Order"}


async def test_two_references_to_different_versions_of_a_type_are_refused(
    registry_topic: RegistryTopic,
) -> None:
    """For this schema alone; the message names both versions, and who references them."""
    money, payment = f"{registry_topic.topic}-money", f"{registry_topic.topic}-payment"
    cents = {**MONEY, "fields": [*MONEY["fields"], {"name": "c", "type": "int", "default": 0}]}
    await _register(registry_topic, money, Schema(json.dumps(MONEY)))
    await _register(registry_topic, money, Schema(json.dumps(cents)))
    old = SchemaReference(name="shop.Money", subject=money, version=1)
    new = SchemaReference(name="shop.Money", subject=money, version=2)
    paid = await _register(registry_topic, payment, Schema(json.dumps(PAYMENT), "AVRO", [old]))
    refers_to_both = [_reference("shop.Payment", payment), new]
    order = Schema(json.dumps(ORDER), "AVRO", refers_to_both)
    number = await _register(registry_topic, registry_topic.subject, order)
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        with pytest.raises(PoisonRecord) as refusal:
            await client.fetch(SchemaId(number))
        assert await client.fetch(SchemaId(paid))
        with pytest.raises(SetupError, match=f"{registry_topic.subject} version 1 is not a usable"):
            await client.latest(registry_topic.subject)
    assert (refusal.value.stage, refusal.value.reason) == ("decode", "unusable_schema")
    assert str(refusal.value) == (
        f"schema id {number} is not a usable Avro schema: in {money} version 2 (referenced by"
        f" schema id {number}): the type 'shop.Money' has two different definitions, the other one"
        f" in {money} version 1 (referenced by {payment} version 1): reference one version"
    )


async def test_an_unknown_schema_id_is_poison(registry_topic: RegistryTopic) -> None:
    """The registry's error code 40403 means that the record cannot be decoded."""
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        with pytest.raises(PoisonRecord) as refusal:
            await client.fetch(SchemaId(2_000_000_000))
    assert (refusal.value.stage, refusal.value.reason) == ("decode", "unknown_schema_id")
    assert "2000000000" in str(refusal.value)


async def test_a_subject_without_versions_is_not_an_error(registry_topic: RegistryTopic) -> None:
    """At startup, the schema is sometimes not registered yet."""
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        assert await client.latest(registry_topic.subject) is None
        assert await client.versions(registry_topic.subject) == []


async def test_the_latest_version_and_all_versions_are_fetched(
    registry_topic: RegistryTopic,
) -> None:
    """Oldest first, each with its number and its schema."""
    await _register(registry_topic, registry_topic.subject, Schema(json.dumps(MONEY)))
    newer = {**MONEY, "fields": [{"name": "note", "type": ["null", "string"], "default": None}]}
    await _register(registry_topic, registry_topic.subject, Schema(json.dumps(newer)))
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        latest = await client.latest(registry_topic.subject)
        versions = await client.versions(registry_topic.subject)
    assert latest is not None
    assert latest.version == 2
    assert [version.version for version in versions] == [1, 2]
    assert versions[-1].schema == latest.schema != versions[0].schema
    assert latest.label == f"{registry_topic.subject} version 2"


async def test_the_subjects_are_listed(registry_topic: RegistryTopic) -> None:
    """`check` matches topic patterns against them."""
    await _register(registry_topic, registry_topic.subject, Schema(json.dumps(MONEY)))
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        assert registry_topic.subject in await client.subjects()


async def test_a_subject_can_contain_a_slash(registry_topic: RegistryTopic) -> None:
    """Subjects are percent-encoded in the path."""
    subject = f"{registry_topic.topic}/a b?c-value"
    await _register(registry_topic, subject, Schema(json.dumps(MONEY)))
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        latest = await client.latest(subject)
    assert latest is not None


async def test_a_json_schema_is_refused_as_not_avro(registry_topic: RegistryTopic) -> None:
    """Topics with JSON Schema or Protobuf are not supported."""
    number = await _register(registry_topic, registry_topic.subject, Schema(JSON_SCHEMA, "JSON"))
    async with RegistryClient(RegistryOptions((registry_topic.url,))) as client:
        with pytest.raises(PoisonRecord) as refusal:
            await client.fetch(SchemaId(number))
        with pytest.raises(SetupError, match="version 1 is JSON, and only Avro is supported"):
            await client.latest(registry_topic.subject)
    assert refusal.value.reason == "schema_not_avro"


@pytest.mark.real
async def test_a_registry_without_guids_is_unavailable_not_poison(apicurio_url: str) -> None:
    """A 404 without an error code says nothing about the record."""
    async with RegistryClient(RegistryOptions((apicurio_url,))) as client:
        with pytest.raises(Unavailable, match="404"):
            await client.fetch(SchemaGuid(str(uuid4())))


async def test_a_guid_in_a_header_identifies_the_schema() -> None:
    """In Confluent's header format, the value is the body alone."""
    async with RegistryStandIn() as registry:
        registry_topic = RegistryTopic(registry.url, "orders-value", "orders")
        value = {"amount": 0, "currency": ""}
        record = await _serialized(
            registry_topic, Schema(json.dumps(MONEY)), value, header_schema_id_serializer
        )
        assert record.value == b"\x00\x00"
        assert (await _decoded(registry_topic, record)).value == value
        with pytest.raises(PoisonRecord, match="has no schema GUID"):
            async with RegistryClient(RegistryOptions((registry.url,))) as client:
                await client.fetch(SchemaGuid(str(uuid4())))
