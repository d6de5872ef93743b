"""A new schema version at run time: decoder, mappings and pipeline together."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bridge.app.bridge import Bridge
from bridge.avro.decoder import AvroDecoder
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import SchemaId, SchemaKey
from bridge.mapping.runtime.plan import Plan
from bridge.observer import DeadLettered, Delivered, Fact, SchemaMismatch
from bridge.pipeline import Pipeline
from bridge.schema.parser import parse_schema
from tests.unit.fake_path import FakePorts
from tests.unit.mapping.project import schema_text
from tests.unit.test_config import config, rule
from tests.unit.virtual_time import run, settle_down


class _Registry:
    """Two versions of one schema: the second changes `x` to a string."""

    def known(self, key: SchemaKey) -> WriterSchema:
        """The schema of a version."""
        type_ = {SchemaId(1): "int", SchemaId(2): "string"}[cast("SchemaId", key)]
        return WriterSchema(str(key), parse_schema(schema_text(type_)))

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """The same."""
        return self.known(key)


def _framed(number: int, user: str, x: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + bytes([2 * len(user)]) + user.encode() + x


def test_mappings_that_still_fit_continue_and_the_others_reject_and_are_reported_once(
    tmp_path: Path,
) -> None:
    """Three records of the new version: one fact, and a dead letter for each that matches."""
    mappings = [
        rule("plain", ["t"]),
        rule("number", ["t"], event="N", filter={"u": ["u1"]}, properties={"p": "x"}),
    ]

    async def story() -> None:
        fakes = FakePorts()
        facts: list[Fact] = fakes.facts
        bridge = Bridge(config(tmp_path, mappings), fakes)
        decoder: AvroDecoder[Plan] = AvroDecoder(_Registry(), {}, bridge._compile)
        ports = replace(cast("Any", fakes.ports), decoder=decoder)
        fakes.pipeline.cancel()
        pipeline = asyncio.create_task(Pipeline(ports).run())
        await fakes.poll(
            fakes.record(0, _framed(1, "u1", b"\x02")),
            fakes.record(1, _framed(2, "u1", b"\x02a")),
            fakes.record(2, _framed(2, "u2", b"\x02b")),
            fakes.record(3, _framed(2, "u1", b"\x02c")),
            fakes.record(4, _framed(1, "u1", b"\x04")),
        )
        await settle_down()
        await asyncio.sleep(10)
        message = "`p` of the event `N` is `str` in one schema and `int` in another"
        assert fakes.facts_of(SchemaMismatch) == [SchemaMismatch("t", "number", message)]
        reason = "schema_does_not_fit"
        assert [fact for fact in facts if isinstance(fact, DeadLettered)] == [
            DeadLettered("number", "map", reason, "t/0/1"),
            DeadLettered("number", "map", reason, "t/0/3"),
        ]
        deliveries = [fact for fact in facts if isinstance(fact, Delivered)]
        delivered = [fact.mapping for fact in deliveries for _ in range(fact.events)]
        assert sorted(delivered) == ["number"] * 2 + ["plain"] * 5
        assert sorted(fakes.settled) == [(0, 2), (1, 1), (2, 1), (3, 1), (4, 2)]
        pipeline.cancel()

    run(story())
