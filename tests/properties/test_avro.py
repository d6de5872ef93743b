"""Avro decoding, compared with fastavro's encoder and tested with damaged bodies."""

import json
import math
import time
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema as parse_for_fastavro
from fastavro import schemaless_reader
from fastavro.schema import to_parsing_canonical_form
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.avro import walker as walker_module
from bridge.avro.fingerprint import canonical_form
from bridge.avro.reader import make_reader
from bridge.avro.walker import walk
from bridge.avro.wire_formats import ConfluentFormat
from bridge.errors import PoisonRecord
from bridge.records import Assignment, Record
from bridge.schema.parser import UnusableSchema, parse_schema
from tests.unit.avro.samples import NODE, PAYMENT, encode, tree

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
SECONDS_MAX = 2.0
"""Far more than any decode takes."""

PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=40),
    "string": st.text(max_size=20),
}


@st.composite
def _schemas(draw: st.DrawFn, depth: int = 3) -> Any:
    """A schema without names; `_named` adds the names."""
    kinds = ["primitive", "enum", "fixed"]
    kinds += ["array", "map", "record", "union", "record"] if depth else []
    kind = draw(st.sampled_from(kinds))
    inner = _schemas(depth - 1)
    if kind == "primitive":
        return draw(st.sampled_from(sorted(PRIMITIVES)))
    if kind == "enum":
        return {"type": "enum", "symbols": [f"S{i}" for i in range(draw(st.integers(1, 9)))]}
    if kind == "fixed":
        return {"type": "fixed", "size": draw(st.integers(0, 20))}
    if kind == "array":
        return {"type": "array", "items": draw(inner)}
    if kind == "map":
        return {"type": "map", "values": draw(inner)}
    if kind == "union":
        return draw(_unions(depth))
    types = draw(st.lists(inner, max_size=5))
    fields = [{"name": f"f{i}", "type": type_} for i, type_ in enumerate(types)]
    return {"type": "record", "fields": fields}


@st.composite
def _unions(draw: st.DrawFn, depth: int) -> list[Any]:
    """A union whose branches fastavro's writer can tell apart by the value."""
    branches: list[Any] = draw(
        st.lists(st.sampled_from(["null", "boolean", "long", "string"]), unique=True, max_size=3)
    )
    if draw(st.booleans()) or not branches:
        branches.append({"type": "array", "items": draw(_schemas(depth - 1))})
    return draw(st.permutations(branches))


def _named(node: Any, numbers: list[int]) -> Any:
    """The schema with a unique name for each named type; no type is used twice."""
    if isinstance(node, list):
        return [_named(branch, numbers) for branch in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: node[key] for key in node if key not in ("items", "values", "fields")}
    if node["type"] in ("record", "enum", "fixed"):
        numbers[0] += 1
        renamed["name"] = f"ns.N{numbers[0]}"
    for key in ("items", "values"):
        if key in node:
            renamed[key] = _named(node[key], numbers)
    if "fields" in node:
        renamed["fields"] = [
            {"name": f["name"], "type": _named(f["type"], numbers)} for f in node["fields"]
        ]
    return renamed


def _values(node: Any) -> st.SearchStrategy[Any]:
    """Values of a schema."""
    if isinstance(node, str):
        return PRIMITIVES[node]
    if isinstance(node, list):
        return st.one_of([_values(branch) for branch in node])
    match node["type"]:
        case "enum":
            return st.sampled_from(node["symbols"])
        case "fixed":
            return st.binary(min_size=node["size"], max_size=node["size"])
        case "array":
            return st.lists(_values(node["items"]), max_size=4)
        case "map":
            return st.dictionaries(st.text(max_size=5), _values(node["values"]), max_size=4)
    return st.fixed_dictionaries({f["name"]: _values(f["type"]) for f in node["fields"]})


@st.composite
def _written(draw: st.DrawFn) -> tuple[Any, bytes]:
    """A schema, and a body that fastavro encoded with it."""
    node = _named(draw(_schemas()), [0])
    return node, encode(node, draw(_values(node)))


@st.composite
def _damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with bytes cut off, changed, removed or inserted."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(body), 1)))
        some = draw(st.binary(max_size=12))
        kind = draw(st.sampled_from(["cut", "change", "delete", "insert"]))
        after = {"cut": b"", "change": body[at + len(some) :], "delete": body[at + 1 :]}
        body = body[:at] + (b"" if kind in ("cut", "delete") else some) + after.get(
            kind, body[at:]
        )  # fmt: skip
    return body


def _read(read: Any, data: bytes) -> Any:
    """The value or the PoisonRecord; any other exception or a long run time is a failure."""
    start = time.process_time()
    try:
        value = read(data, 0)
    except PoisonRecord as refusal:
        value = refusal
    assert time.process_time() - start < SECONDS_MAX
    if isinstance(value, PoisonRecord):
        assert value.stage == "decode"
        assert value.byte_offset is not None
        assert 0 <= value.byte_offset <= len(data)
    return value


@RELAXED
@given(_written())
def test_reader_and_walker_equal_fastavro(written: tuple[Any, bytes]) -> None:
    """All three read the same value from a body that fastavro wrote."""
    node, body = written
    expected = schemaless_reader(BytesIO(body), parse_for_fastavro(node), None)
    assert walk(tree(node), body, 0) == expected
    assert make_reader(tree(node))(body, 0) == expected


@RELAXED
@given(st.data(), _written())
def test_a_damaged_body_is_a_value_or_a_poison_record(
    data: st.DataObject, written: tuple[Any, bytes]
) -> None:
    """No other exception, in bounded time; if the walker reads a value, the reader agrees."""
    node, body = written
    damaged = data.draw(_damaged(body))
    read = _read(make_reader(tree(node)), damaged)
    walked = _read(lambda data, start: walk(tree(node), data, start), damaged)
    if isinstance(read, PoisonRecord):
        assert isinstance(walked, PoisonRecord)
        assert (read.reason, read.path, read.byte_offset) == (
            walked.reason,
            walked.path,
            walked.byte_offset,
        )
    elif not isinstance(walked, PoisonRecord):
        assert _same(read, walked)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal; NaN equals NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return bool(one == other)


RECURSIVE = {
    "type": "record",
    "name": "T",
    "fields": [
        {"name": "v", "type": ["null", "long", {"type": "array", "items": "null"}]},
        {"name": "c", "type": {"type": "array", "items": "T"}},
        {"name": "m", "type": {"type": "map", "values": ["null", "T"]}},
    ],
}


@pytest.mark.parametrize("node", [PAYMENT, NODE, RECURSIVE, {"type": "array", "items": "null"}])
def test_any_bytes_are_a_value_or_a_poison_record(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for schemas that do not bound their values; small limits keep the bodies small."""
    monkeypatch.setattr(walker_module, "DEPTH_MAX", 5)
    monkeypatch.setattr(walker_module, "VALUES_MAX", 50)
    read = make_reader(tree(node))

    @RELAXED
    @given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(range(6))).map(bytes)))
    def read_any(body: bytes) -> None:
        _read(read, body)

    read_any()


@RELAXED
@given(_written(), st.integers(1, 200))
def test_a_cut_off_body_is_refused(written: tuple[Any, bytes], missing: int) -> None:
    """A cut-off record is never read as a complete one."""
    node, body = written
    if body:
        with pytest.raises(PoisonRecord):
            make_reader(tree(node))(body[: -min(missing, len(body))], 0)


@RELAXED
@given(st.binary(max_size=40), st.none() | st.binary(max_size=20))
def test_any_framing_is_located_or_refused(value: bytes, header: bytes | None) -> None:
    """Locating the body raises PoisonRecord or nothing, and every located token is a key."""
    headers = [("__value_schema_id", header)]
    record = Record("t", 0, 0, 0, None, value, Assignment("t", 0), lambda: headers)
    wire_format = ConfluentFormat()
    try:
        located = wire_format.locate_body(record)
    except PoisonRecord:
        return
    assert str(wire_format.key(located.token))
    assert located.start in (0, 5, 17)


@RELAXED
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["int", "record", "type", "A"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_a_schema_or_unusable(node: Any) -> None:
    """Parsing raises UnusableSchema or nothing, and every schema gets a reader."""
    try:
        schema = parse_schema(json.dumps(node))
    except UnusableSchema:
        return
    make_reader(schema)


@RELAXED
@given(_schemas())
def test_the_canonical_form_equals_fastavros(schema: Any) -> None:
    """Ours comes from the type tree, fastavro's from the JSON."""
    node = _named(schema, [0])
    assert canonical_form(tree(node)) == to_parsing_canonical_form(node)
