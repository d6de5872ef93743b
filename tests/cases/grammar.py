"""The grammar as a table of cases: a mapping, a record, and the expected result.

Each file in `grammar/` is a list of rows. A row's keys:

- `about`: a sentence.
- `x`: the Avro type of the record's field `x` (default `int`); `attributes`: attributes of that
  field, next to its type; `schema`: another whole schema.
- `value`: the value of `x` (default 1), as in `load.py`; `u`: the user (default `u1`); `whole`: the
  value of another schema; `tombstone: true`: no value at all.
- `key`, `headers`, `timestamp_ms` (default 1), `topic` (default `t`), `partition`, `offset`.
- `p`: the property `p`, short or long; `mapping`: other keys of the mapping. The defaults are
  `name: m`, `topics: [t]`, `uid: u`, `event: E`. `file`: other keys of the file.
- The expected result, one of: `sent` (the event's data, all of it), `event` (the named parts of
  the request's event, and `uid`), `skipped`, `rejected` or `halted` (the reason), `nothing: true`,
  or `refused` (the code of the only problem that `check` reports).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import fastavro
import orjson

from bridge.avro.reader import make_name_of, make_reader
from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.fullstory.requests.v1 import build_v1
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.event_age import AgeLimits, check_age
from bridge.mapping.runtime.outcome import Event, MappingSkipped, Outcome
from bridge.records import Record
from bridge.schema.parser import parse_schema
from bridge.schema.types import Schema
from tests.cases.load import untag
from tests.cases.raw import record

FOLDER = Path(__file__).parent / "grammar"
RESULTS: Final = ("sent", "event", "skipped", "rejected", "halted", "nothing", "refused")
OPTIONS: Final = Options(hash_key=b"secret", never_send=("*forbidden*",))
NOW_S: Final = 1_795_515_300.0
"""2026-11-24T10:15:00Z, for events that can be late."""
LIMITS: Final = AgeLimits(1800.0, 604_800.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    place: str
    data: Mapping[str, Any]

    @property
    def mapping(self) -> dict[str, Any]:
        """The whole mapping."""
        defaults = {"name": "m", "topics": ["t"], "uid": "u", "event": "E"}
        found: dict[str, Any] = defaults | self.data.get("mapping", {})
        if "p" in self.data:
            found["properties"] = {**found.get("properties", {}), "p": self.data["p"]}
        return found

    @property
    def schema(self) -> str:
        """The record's schema as JSON."""
        if "schema" in self.data:
            return json.dumps(self.data["schema"])
        field = {"name": "x", "type": self.data.get("x", "int"), **self.data.get("attributes", {})}
        fields = [{"name": "u", "type": "string"}, field]
        return json.dumps({"type": "record", "name": "n.Rec", "fields": fields})

    @property
    def value(self) -> Any:
        """The record's value, as fastavro takes it."""
        if "whole" in self.data:
            return untag(self.data["whole"])
        return {"u": self.data.get("u", "u1"), "x": untag(self.data.get("value", 1))}

    @property
    def record(self) -> Record:
        """The record around the value."""
        data = self.data
        key, headers = data.get("key"), data.get("headers", {})
        return record(
            data.get("topic", "t"),
            key=None if key is None else _bytes(key),
            headers=tuple((name, _bytes(text)) for name, text in headers.items()),
            timestamp_ms=data.get("timestamp_ms", 1),
            partition=data.get("partition", 0),
            offset=data.get("offset", 0),
        )


def rows() -> list[Row]:
    """All rows of all files."""
    return [
        Row(f"{file.stem}: {data['about']}", data)
        for file in sorted(FOLDER.glob("*.yaml"))
        for data in parse(file.read_text(encoding="utf-8"), file.name).data
    ]


def result(row: Row) -> tuple[str, Any]:
    """The result of a row, one of `RESULTS`, and its data; the record is encoded and decoded."""
    file = {"format": 1, **row.data.get("file", {}), "mappings": [row.mapping]}
    schema = parse_schema(row.schema)
    polled = row.record
    try:
        rules = load_rules([parse(json.dumps(file, ensure_ascii=False), "m.yaml")], OPTIONS)
        plan = compile_plan(rules, polled.topic, schema, OPTIONS)
    except Problems as problems:
        return "refused", " ".join(problem.code for problem in problems.problems)
    if row.data.get("tombstone"):
        outcomes = plan.map(polled, None)
    else:
        value, name = decoded(row.schema, schema, row.value)
        outcomes = plan.map(polled, value, name)
    return _described([_aged(outcome) for outcome in outcomes])


def decoded(text: str, schema: Schema, value: Any) -> tuple[object, str | None]:
    """A value through fastavro's encoder, logical types and all, and the bridge's own reader."""
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(json.loads(text)), value)
    data = buffer.getvalue()
    return make_reader(schema)(data, 0), make_name_of(schema)(data, 0)


def _aged(outcome: Outcome) -> Outcome:
    """Apply the age limits if the row sets `late`; other rows have timestamps of any age."""
    if isinstance(outcome, Event) and outcome.late != "send":
        return check_age(outcome, NOW_S, LIMITS)
    return outcome


def _described(outcomes: list[Outcome]) -> tuple[str, Any]:
    if not outcomes:
        return "nothing", True
    (outcome,) = outcomes
    if isinstance(outcome, Event):
        if outcome.shadow:
            return "skipped", "shadow"
        request = build_v1(outcome)
        uid = unquote(request.path.split("/")[4])
        return "event", {"uid": uid, **orjson.loads(request.body)["event"]}
    if isinstance(outcome, MappingSkipped):
        return "skipped", outcome.why
    return ("halted" if outcome.halt else "rejected"), outcome.reason


def _bytes(text: Any) -> bytes:
    found = untag(text)
    return found if isinstance(found, bytes) else str(found).encode()
