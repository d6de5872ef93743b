"""The registry client against a registry: the sandbox's and the real one."""

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
from bridge.errors import PoisonRecord, Unavailable
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
class Place:
    """Where the suite runs, with a subject of its own."""

    url: str
    subject: str
    topic: str


@dataclass(frozen=True)
class Plan:
    """What every schema is admitted as here."""

    schema: tree.Schema
    wanted: WantedPaths = WHOLE


@pytest.fixture(params=["stand-in", pytest.param("apicurio", marks=pytest.mark.real)])
def real_url(request: pytest.FixtureRequest) -> str | None:
    """The real registry's URL, or None for the stand-in."""
    return request.getfixturevalue("apicurio_url") if request.param == "apicurio" else None


@pytest.fixture
async def place(real_url: str | None) -> AsyncIterator[Place]:
    """A registry and a topic that nobody else uses."""
    topic = f"topic-{uuid4().hex[:12]}"
    if real_url is not None:
        yield Place(real_url, f"{topic}-value", topic)
        return
    async with RegistryStandIn() as registry:
        yield Place(registry.url, f"{topic}-value", topic)


async def _register(place: Place, subject: str, schema: Schema) -> int:
    def register() -> int:
        with SchemaRegistryClient({"url": place.url}) as client:
            return int(client.register_schema(subject, schema))

    return await asyncio.to_thread(register)


async def _written(
    place: Place, schema: Schema, value: dict[str, Any], id_serializer: Callable[..., bytes] | None
) -> Record:
    """A record as Confluent's own serializer writes it."""

    def write() -> tuple[bytes, Headers]:
        conf: dict[str, Any] = {"subject.name.strategy": topic_subject_name_strategy}
        if id_serializer is not None:
            conf["schema.id.serializer"] = id_serializer
        headers: list[tuple[str, str | bytes | None]] = []
        with SchemaRegistryClient({"url": place.url}) as client:
            serialize = AvroSerializer(client, schema, conf=conf)
            context = SerializationContext(place.topic, MessageField.VALUE, headers)
            body = serialize(value, context)
        assert body is not None
        return body, [(name, content) for name, content in headers if isinstance(content, bytes)]

    body, headers = await asyncio.to_thread(write)
    assignment = Assignment(place.topic, 0)
    return Record(place.topic, 0, 0, 0, None, body, assignment, lambda: headers)


async def _decoded(place: Place, record: Record) -> DecodedValue[Plan]:
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        decoder = AvroDecoder[Plan](client, {}, lambda topic, schema: Plan(schema))
        assert decoder.decode(record) is None
        await decoder.prepare(record)
        decoded = decoder.decode(record)
    assert decoded is not None
    return decoded


def _reference(name: str, subject: str) -> SchemaReference:
    return SchemaReference(name=name, subject=subject, version=1)


async def test_what_confluents_serializer_writes_is_read(place: Place) -> None:
    """The id in the prefix leads to the writer schema, and the value comes back."""
    value = {"amount": 1250, "currency": "EUR"}
    record = await _written(place, Schema(json.dumps(MONEY)), value, None)
    decoded = await _decoded(place, record)
    assert decoded.value == value
    assert decoded.record_name == "shop.Money"
    assert decoded.compiled.schema.root == tree.Reference("shop.Money")


async def test_schemas_that_refer_to_each_other_are_fetched_together(place: Place) -> None:
    """A reference of a reference, and one type reached on two ways, are one tree."""
    money, payment = f"{place.topic}-money", f"{place.topic}-payment"
    await _register(place, money, Schema(json.dumps(MONEY)))
    refers_to_money = [_reference("shop.Money", money)]
    await _register(place, payment, Schema(json.dumps(PAYMENT), "AVRO", refers_to_money))
    order = Schema(
        json.dumps(ORDER), "AVRO", [_reference("shop.Payment", payment), *refers_to_money]
    )
    total = {"amount": 5, "currency": "CHF"}
    value = {"payment": {"id": "p1", "total": total}, "fee": total}
    decoded = await _decoded(place, await _written(place, order, value, None))
    assert decoded.value == value
    assert set(decoded.compiled.schema.names) == {"shop.Money", "shop.Payment", "shop.Order"}


async def test_an_id_that_the_registry_does_not_know_is_poison(place: Place) -> None:
    """The registry's own 40403 is a fact about the record."""
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        with pytest.raises(PoisonRecord) as refusal:
            await client.fetch(SchemaId(2_000_000_000))
    assert (refusal.value.stage, refusal.value.reason) == ("decode", "unknown_schema_id")
    assert "2000000000" in str(refusal.value)


async def test_a_subject_without_versions_is_no_error(place: Place) -> None:
    """At the start nothing may be registered yet."""
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        assert await client.latest(place.subject) is None
        assert await client.versions(place.subject) == []


async def test_the_newest_version_and_all_of_them_are_told(place: Place) -> None:
    """Oldest first, each with its number and its own tree."""
    await _register(place, place.subject, Schema(json.dumps(MONEY)))
    newer = {**MONEY, "fields": [{"name": "note", "type": ["null", "string"], "default": None}]}
    await _register(place, place.subject, Schema(json.dumps(newer)))
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        latest = await client.latest(place.subject)
        versions = await client.versions(place.subject)
    assert latest is not None
    assert latest.version == 2
    assert [version.version for version in versions] == [1, 2]
    assert versions[-1].schema == latest.schema != versions[0].schema
    assert latest.label == f"{place.subject} version 2"


async def test_the_subjects_are_listed(place: Place) -> None:
    """What a pattern of topics is checked against."""
    await _register(place, place.subject, Schema(json.dumps(MONEY)))
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        assert place.subject in await client.subjects()


async def test_a_subject_with_a_slash_in_its_name_is_one_subject(place: Place) -> None:
    """Subjects are percent-encoded: a slash makes no other path."""
    subject = f"{place.topic}/a b?c-value"
    await _register(place, subject, Schema(json.dumps(MONEY)))
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        latest = await client.latest(subject)
    assert latest is not None


async def test_a_json_schema_is_refused_as_not_avro(place: Place) -> None:
    """A topic of JSON or Protobuf cannot be decoded, ever."""
    number = await _register(place, place.subject, Schema(JSON_SCHEMA, "JSON"))
    async with RegistryClient(RegistryOptions((place.url,))) as client:
        with pytest.raises(PoisonRecord) as refusal:
            await client.fetch(SchemaId(number))
    assert refusal.value.reason == "schema_not_avro"


@pytest.mark.real
async def test_a_registry_without_guids_is_unavailable_not_poison(apicurio_url: str) -> None:
    """Its bare 404 says nothing about the record."""
    async with RegistryClient(RegistryOptions((apicurio_url,))) as client:
        with pytest.raises(Unavailable, match="404"):
            await client.fetch(SchemaGuid(str(uuid4())))


async def test_a_guid_in_a_header_leads_to_the_schema() -> None:
    """Confluent's header form: the value is the bare body."""
    async with RegistryStandIn() as registry:
        place = Place(registry.url, "orders-value", "orders")
        value = {"amount": 0, "currency": ""}
        record = await _written(
            place, Schema(json.dumps(MONEY)), value, header_schema_id_serializer
        )
        assert record.value == b"\x00\x00"
        assert (await _decoded(place, record)).value == value
        with pytest.raises(PoisonRecord, match="has no schema GUID"):
            async with RegistryClient(RegistryOptions((registry.url,))) as client:
                await client.fetch(SchemaGuid(str(uuid4())))
