"""Contexts of the registry: an id and a reference count within the context of their subject.

Only the sandbox's registry has contexts: Apicurio reads `:.eu:` as a part of the name.
"""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.app.bridge import Bridge
from bridge.avro.decoder import AvroDecoder
from bridge.avro.registry.client import RegistryClient
from bridge.avro.registry.transport import RegistryOptions
from bridge.kafka.admin import ClusterMetadata
from bridge.observer import ObserverGroup
from bridge.records import Assignment, Record
from bridge.sandbox.registry import RegistryStandIn
from tests.contracts.test_registry import MONEY, PAYMENT, Plan
from tests.unit.test_config import config, rule


async def test_a_schema_id_is_looked_up_in_the_context_of_its_topic() -> None:
    """The default context has the same id and the same references."""
    prefix = b"\0\0\0\0\2\x04p1\x02"
    async with RegistryStandIn() as registry:
        for context, type_ in (("", "string"), (":.eu:", "long")):
            fields = [{"name": "amount", "type": type_}]
            money = {**MONEY, "fields": fields}
            registry.register(f"{context}money", {"schema": json.dumps(money)})
            reference = {"name": "shop.Money", "subject": "money", "version": 1}
            content = {"schema": json.dumps(PAYMENT), "references": [reference]}
            assert registry.register(f"{context}orders-value", content).number == 2
        bodies = {"orders": b"\x0a", "other": b"\x04EU"}
        records = [
            Record(topic, 0, 0, 0, None, prefix + bodies[topic], Assignment(topic, 0))
            for topic in ("orders", "other", "orders")
        ]
        async with RegistryClient(RegistryOptions((registry.url,))) as client:
            subjects = {"orders": ":.eu:orders-value", "other": "other-value"}
            decoder = AvroDecoder[Plan](
                client, {}, lambda _, schema: Plan(schema), subjects.__getitem__
            )
            for record in records:
                await decoder.prepare(record)
            decoded = [decoder.decode(record) for record in records]
            latest = await client.latest(":.eu:orders-value")
        assert registry.requests["/schemas/ids/2"] == 2
    values = [one.value for one in decoded if one is not None]
    eu = {"id": "p1", "total": {"amount": 5}}
    assert [values[0], values[2]] == [eu, eu]
    assert values[1] == {"id": "p1", "total": {"amount": "EU"}}
    assert latest is not None
    assert decoded[0] is not None
    assert latest.schema == decoded[0].compiled.schema


async def test_a_starting_bridge_looks_ids_up_in_the_context_of_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subject is `:.eu:{topic}-value`, and the default context has the same id."""
    user = {"type": "record", "name": "U", "fields": [{"name": "u", "type": "string"}]}
    async with RegistryStandIn() as registry, AsyncExitStack() as stack:
        registry.register("payments-value", {"schema": '"int"'})
        registry.register(":.eu:payments-value", {"schema": json.dumps(user)})
        avro = {"registry": {"url": registry.url}, "subject": ":.eu:{topic}-value"}
        settings = config(tmp_path, [rule("a", ["payments"])], avro=avro)
        bridge = Bridge(settings, ObserverGroup())
        cluster = ClusterMetadata("id", {"payments": 1, "fullstory-bridge.dead-letters": 1})

        async def describe_cluster() -> ClusterMetadata:
            return cluster

        monkeypatch.setattr(bridge, "_describe_cluster", describe_cluster)
        _, decoder, halted = await bridge.connect(stack)
        value = b"\0\0\0\0\1\x04u1"
        record = Record("payments", 0, 0, 0, None, value, Assignment("payments", 0))
        await decoder.prepare(record)
        decoded = decoder.decode(record)
    assert halted == []
    assert decoded is not None
    assert decoded.value == {"u": "u1"}
