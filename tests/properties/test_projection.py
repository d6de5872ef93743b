"""Generated readers, compared with fastavro and the walker for any schema, paths and damage."""

import json
import pathlib
import random
import struct
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema as parse_for_fastavro
from fastavro import schemaless_reader
from fastavro.utils import generate_many
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bridge.avro.projection.project import FieldPath, project, project_one
from bridge.avro.reader import make_projecting_reader, make_reader
from bridge.avro.walker import Read
from bridge.errors import PoisonRecord
from bridge.schema.types import Schema
from tests.properties.schemas import raw_values, schemas
from tests.unit.avro.samples import NODE, PAYMENT, encode, tree

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
SCHEMA_FILES = sorted(pathlib.Path("schemas").rglob("*.avsc"))
MUTATIONS = 100_000

TREE = {
    "type": "record",
    "name": "Tree",
    "fields": [
        {"name": "value", "type": ["null", "long", {"type": "array", "items": "string"}]},
        {"name": "children", "type": {"type": "array", "items": "Tree"}},
        {"name": "named", "type": {"type": "map", "values": ["null", "Tree"]}},
    ],
}
TREE_VALUE: dict[str, Any] = {
    "value": ["a", "b"],
    "children": [{"value": 7, "children": [], "named": {"x": None}}],
    "named": {"y": {"value": None, "children": [], "named": {}}},
}


@st.composite
def _written(draw: st.DrawFn) -> tuple[Schema, Any, bytes]:
    """A schema (as a tree and as data), and a body that fastavro encoded with it."""
    node = _raw(draw(schemas()))
    schema = tree(node)
    return schema, node, encode(node, draw(raw_values(schema, schema.root)))


def _raw(node: Any) -> Any:
    """The schema without logical types, so that fastavro returns raw values."""
    if isinstance(node, list):
        return [_raw(one) for one in node]
    if isinstance(node, dict):
        return {key: _raw(one) for key, one in node.items() if key != "logicalType"}
    return node


def _fastavro(node: Any, body: bytes) -> Any:
    return schemaless_reader(BytesIO(body), parse_for_fastavro(node), None)


def _projected(schema: Schema, paths: Iterable[FieldPath], *, to_end: bool) -> Read:
    """The generated reader; rejects the example if the schema gets none."""
    read = project(schema, paths, to_end=to_end)
    assume(read is not None)
    assert read is not None
    return read


def _outcome(read: Read, body: bytes) -> Any:
    """The value's `repr` (NaN equals NaN, and -0.0 differs from 0.0), or the error."""
    try:
        return repr(read(body, 0))
    except PoisonRecord as refusal:
        return refusal.reason, refusal.path, refusal.byte_offset


@RELAXED
@given(_written())
def test_a_whole_value_equals_fastavros(written: tuple[Schema, Any, bytes]) -> None:
    """For any nesting of types, without logical types."""
    schema, node, body = written
    read = _projected(schema, [()], to_end=True)
    assert repr(read(body, 0)) == repr(_fastavro(node, body))


@RELAXED
@given(st.data(), _written(), st.booleans())
def test_only_the_wanted_fields_are_read(
    data: st.DataObject,
    written: tuple[Schema, Any, bytes],
    to_end: bool,
) -> None:
    """Any combination of fields, with and without `to_end`."""
    schema, node, body = written
    whole = _fastavro(node, body)
    wanted = data.draw(st.lists(st.sampled_from(sorted(whole)), unique=True))
    read = _projected(schema, [(name,) for name in wanted], to_end=to_end)
    assert repr(read(body, 0)) == repr({k: v for k, v in whole.items() if k in wanted})


@RELAXED
@given(_written())
def test_a_single_field_equals_the_field_in_the_record(written: tuple[Schema, Any, bytes]) -> None:
    """For fields of any type."""
    schema, node, body = written
    for name, value in _fastavro(node, body).items():
        read = project_one(schema, (name,))
        assume(read is not None)
        assert read is not None
        assert repr(read(body, 0)) == repr(value)


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"id": 1, "next": {"id": 2, "next": None}}, ("next", "id"), 2),
        ({"id": 1, "next": {"id": 2, "next": None}}, ("next", "next", "id"), None),
        ({"id": 1, "next": None}, ("next", "id"), None),
    ],
    ids=["inside a record", "null on the path", "null at the start"],
)
def test_a_single_field_is_found_through_unions(
    value: Any, path: tuple[str, ...], expected: int | None
) -> None:
    """It is None if the path leads to nothing."""
    read = project_one(tree(NODE), path)
    assert read is not None
    assert read(encode(NODE, value), 0) == expected


@RELAXED
@given(st.data(), _written())
def test_a_damaged_body_gives_the_same_result_as_without_a_generated_reader(
    data: st.DataObject, written: tuple[Schema, Any, bytes]
) -> None:
    """The same value, or the same reason and place."""
    schema, _, body = written
    damaged = _mutated(random.Random(data.draw(st.integers(0, 2**32))), body)
    assert _outcome(make_projecting_reader(schema, [()]), damaged) == _outcome(
        make_reader(schema), damaged
    )


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (TREE, TREE_VALUE),
        (NODE, {"id": 1, "next": {"id": 2, "next": {"id": 3, "next": None}}}),
        (["null", PAYMENT, "long"], 5),
        (["null", NODE], None),
    ],
    ids=["trees", "a list of nodes", "a number at the root", "null at the root"],
)
def test_recursion_references_and_unions_at_the_root(node: Any, value: Any) -> None:
    """Recursive types become recursive functions."""
    body = encode(node, value)
    read = project(tree(node), [()], to_end=True)
    assert read is not None
    assert read(body, 0) == value == _fastavro(node, body)


@pytest.mark.parametrize(
    ("node", "value", "wanted", "expected"),
    [
        (TREE, TREE_VALUE, [("named", "y")], {"named": {"y": TREE_VALUE["named"]["y"]}}),
        (NODE, {"id": 1, "next": {"id": 2, "next": None}}, [("next", "id")], {"next": {"id": 2}}),
        (NODE, {"id": 1, "next": None}, [("next", "id")], {"next": None}),
        (NODE, {"id": 1, "next": None}, [], {}),
    ],
    ids=["a map's key: all of the map", "through a union", "null on the path", "nothing"],
)
def test_paths_lead_through_records_and_unions(
    node: Any, value: Any, wanted: list[tuple[str, ...]], expected: Any
) -> None:
    """Maps and arrays are read completely."""
    read = project(tree(node), wanted, to_end=True)
    assert read is not None
    assert read(encode(node, value), 0) == expected


@pytest.mark.parametrize(
    "node",
    ["null", {"type": "fixed", "name": "F", "size": 0}],
    ids=["nulls", "fixed without bytes"],
)
def test_arrays_of_items_without_bytes_get_no_generated_reader(node: Any) -> None:
    """Only the walker limits the number of such items."""
    arrays = {"type": "map", "values": {"type": "array", "items": node}}
    assert project(tree(arrays), [()], to_end=True) is None


def _doubling(levels: int, last: str) -> Any:
    """Nested records: each contains the next one twice, the innermost two values of `last`."""
    node: Any = last
    for level in range(levels):
        fields = [{"name": "a", "type": node}, {"name": "b", "type": node}]
        if level:
            fields[1]["type"] = f"L{level - 1}"
        node = {"type": "record", "name": f"L{level}", "fields": fields}
    return node


def test_records_with_many_values_and_few_bytes_get_no_generated_reader() -> None:
    """The limit is 30 values without bytes; values with bytes do not count."""
    assert project(tree(_doubling(3, "null")), [()], to_end=True) is not None
    assert project(tree(_doubling(4, "null")), [()], to_end=True) is None
    assert project(tree(_doubling(6, "boolean")), [()], to_end=True) is not None


def test_an_int_of_more_than_32_bits_is_read() -> None:
    """Fastavro writes and reads such values, so the record is not lost."""
    node = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}
    body = encode({**node, "fields": [{"name": "n", "type": "long"}]}, {"n": 2**40})
    assert make_projecting_reader(tree(node), [("n",)])(body, 0) == {"n": 2**40}


def test_invalid_text_is_refused_only_if_it_is_read() -> None:
    """Skipped text is not decoded."""
    body = encode(PAYMENT_LIKE, {"id": "ab", "status": "x"}).replace(b"ab", b"\xff\xff")
    assert make_projecting_reader(tree(PAYMENT_LIKE), [("status",)])(body, 0) == {"status": "x"}
    with pytest.raises(PoisonRecord, match=r"field id, byte \d"):
        make_projecting_reader(tree(PAYMENT_LIKE), [("id",)])(body, 0)


PAYMENT_LIKE = {
    "type": "record",
    "name": "P",
    "fields": [{"name": "id", "type": "string"}, {"name": "status", "type": "string"}],
}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [*(file.name for file in SCHEMA_FILES), "trees"])
def test_mutated_bodies_give_the_same_result_as_with_fastavro(name: str) -> None:
    """A hundred thousand in total: cut off, changed, with inserted bytes and huge numbers."""
    rng = random.Random(name)
    node, bodies = _bodies(name, rng)
    schema = tree(node)
    fast, slow = make_projecting_reader(schema, [()]), make_reader(schema)
    for _ in range(MUTATIONS // (len(SCHEMA_FILES) + 1) + 1):
        mutated = _mutated(rng, rng.choice(bodies))
        assert _outcome(fast, mutated) == _outcome(slow, mutated), mutated.hex()


def _bodies(name: str, rng: random.Random) -> tuple[Any, list[bytes]]:
    """A schema, and the bodies of random values."""
    if name == "trees":
        return TREE, [encode(TREE, TREE_VALUE)]
    node = _raw(json.loads(next(file for file in SCHEMA_FILES if file.name == name).read_bytes()))
    random.seed(rng.random())  # fastavro's generator draws from the module
    return node, [encode(node, value) for value in generate_many(parse_for_fastavro(node), 200)]


def _mutated(rng: random.Random, body: bytes) -> bytes:
    """A body with one to three mutations: bytes cut off, changed, removed or inserted."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(body))
        replacement = rng.choice(
            [
                rng.randbytes(rng.randint(1, 6)),
                b"\xff" * rng.randint(1, 11) + b"\x01",
                bytes(rng.randint(1, 4)),
                struct.pack("<d", rng.random()),
            ]
        )
        after = rng.choice([body[at:], body[at + 1 :], body[at + len(replacement) :]])
        body = rng.choice([body[:at] + replacement + after, body[:at] + after, body[:at]])
    return body
