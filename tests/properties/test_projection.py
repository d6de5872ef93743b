"""Generated readers held against fastavro and the walker: any schema, any paths, any damage."""

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
from bridge.avro.reader import make_reader, make_reader_of
from bridge.avro.walker import Read
from bridge.errors import PoisonRecord
from bridge.schema.types import Schema
from tests.properties.schemas import raw_values, schemas
from tests.unit.avro.samples import NODE, PAYMENT, encode, tree

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
OURS = sorted(pathlib.Path("schemas").rglob("*.avsc"))
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
    """A schema, as a tree and as data, and a body that fastavro wrote with it."""
    node = _raw(draw(schemas()))
    schema = tree(node)
    return schema, node, encode(node, draw(raw_values(schema, schema.root)))


def _raw(node: Any) -> Any:
    """Without logical types: fastavro gives raw values then."""
    if isinstance(node, list):
        return [_raw(one) for one in node]
    if isinstance(node, dict):
        return {key: _raw(one) for key, one in node.items() if key != "logicalType"}
    return node


def _fastavro(node: Any, body: bytes) -> Any:
    return schemaless_reader(BytesIO(body), parse_for_fastavro(node), None)


def _projected(schema: Schema, paths: Iterable[FieldPath], *, to_end: bool) -> Read:
    """The generated reader; another example where the schema gets none."""
    read = project(schema, paths, to_end=to_end)
    assume(read is not None)
    assert read is not None
    return read


def _outcome(read: Read, body: bytes) -> Any:
    """The value as text, which tells NaN from nothing and -0.0 from 0.0; or that it is refused."""
    try:
        return repr(read(body, 0))
    except PoisonRecord as refusal:
        return refusal.reason, refusal.path, refusal.byte_offset


@RELAXED
@given(_written())
def test_all_that_is_read_is_what_fastavro_reads(written: tuple[Schema, Any, bytes]) -> None:
    """Each type in each other one, logical types left raw."""
    schema, node, body = written
    read = _projected(schema, [()], to_end=True)
    assert repr(read(body, 0)) == repr(_fastavro(node, body))


@RELAXED
@given(st.data(), _written(), st.booleans())
def test_what_is_wanted_is_read_and_nothing_else(
    data: st.DataObject,
    written: tuple[Schema, Any, bytes],
    to_end: bool,
) -> None:
    """Fields in any combination, to the end of the record or not so far."""
    schema, node, body = written
    whole = _fastavro(node, body)
    wanted = data.draw(st.lists(st.sampled_from(sorted(whole)), unique=True))
    read = _projected(schema, [(name,) for name in wanted], to_end=to_end)
    assert repr(read(body, 0)) == repr({k: v for k, v in whole.items() if k in wanted})


@RELAXED
@given(_written())
def test_one_field_alone_is_what_it_is_in_the_record(written: tuple[Schema, Any, bytes]) -> None:
    """Whatever its type."""
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
    ids=["within a record", "null on the way", "null at once"],
)
def test_one_field_is_found_through_unions(
    value: Any, path: tuple[str, ...], expected: int | None
) -> None:
    """Where there is nothing, it is None."""
    read = project_one(tree(NODE), path)
    assert read is not None
    assert read(encode(NODE, value), 0) == expected


@RELAXED
@given(st.data(), _written())
def test_a_damaged_body_is_read_or_refused_as_without_the_generated_reader(
    data: st.DataObject, written: tuple[Schema, Any, bytes]
) -> None:
    """With the same reason, at the same place."""
    schema, _, body = written
    damaged = _mutated(random.Random(data.draw(st.integers(0, 2**32))), body)
    assert _outcome(make_reader_of(schema, [()]), damaged) == _outcome(make_reader(schema), damaged)


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
    """Types that contain themselves become functions that call themselves."""
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
    ids=["a map's key: all of the map", "through a union", "null on the way", "nothing"],
)
def test_paths_lead_through_records_and_unions(
    node: Any, value: Any, wanted: list[tuple[str, ...]], expected: Any
) -> None:
    """Maps and lists are read whole."""
    read = project(tree(node), wanted, to_end=True)
    assert read is not None
    assert read(encode(node, value), 0) == expected


@pytest.mark.parametrize(
    "node",
    ["null", {"type": "fixed", "name": "F", "size": 0}],
    ids=["nulls", "fixed of no bytes"],
)
def test_lists_of_what_takes_no_byte_get_no_generated_reader(node: Any) -> None:
    """A body of ten bytes could hold a billion of them: only the walker counts."""
    lists = {"type": "map", "values": {"type": "array", "items": node}}
    assert project(tree(lists), [()], to_end=True) is None


def _heavy(levels: int) -> Any:
    """Each record holds the next one twice; the last of them a byte."""
    node: Any = "boolean"
    for level in range(levels):
        fields = [{"name": "a", "type": node}, {"name": "b", "type": node}]
        if level:
            fields[1]["type"] = f"L{level - 1}"
        node = {"type": "record", "name": f"L{level}", "fields": fields}
    return node


def test_records_that_make_many_values_of_few_bytes_get_none() -> None:
    """Two records in each of two, in each of two: of nulls, no byte stands for a million values."""
    nulls = json.loads(json.dumps(_heavy(20)).replace('"boolean"', '"null"'))
    assert project(tree(nulls), [()], to_end=True) is None
    assert project(tree(_heavy(6)), [()], to_end=True) is not None


def test_an_int_of_more_than_32_bits_is_read_as_ever() -> None:
    """Fastavro writes such, and reads it: the record is not lost for it."""
    node = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}
    body = encode({**node, "fields": [{"name": "n", "type": "long"}]}, {"n": 2**40})
    assert make_reader_of(tree(node), [("n",)])(body, 0) == {"n": 2**40}


def test_text_that_nobody_reads_is_passed_over_whatever_it_holds() -> None:
    """And is refused where it is read."""
    body = encode(PAYMENT_LIKE, {"id": "ab", "status": "x"}).replace(b"ab", b"\xff\xff")
    assert make_reader_of(tree(PAYMENT_LIKE), [("status",)])(body, 0) == {"status": "x"}
    with pytest.raises(PoisonRecord, match=r"field id, byte \d"):
        make_reader_of(tree(PAYMENT_LIKE), [("id",)])(body, 0)


PAYMENT_LIKE = {
    "type": "record",
    "name": "P",
    "fields": [{"name": "id", "type": "string"}, {"name": "status", "type": "string"}],
}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [*(file.name for file in OURS), "trees"])
def test_mutated_bodies_are_read_or_refused_as_by_fastavro(name: str) -> None:
    """A hundred thousand in all: cut, changed, with bytes put in, numbers made huge."""
    chance = random.Random(name)
    node, bodies = _bodies(name, chance)
    schema = tree(node)
    fast, slow = make_reader_of(schema, [()]), make_reader(schema)
    for _ in range(MUTATIONS // (len(OURS) + 1) + 1):
        mutated = _mutated(chance, chance.choice(bodies))
        assert _outcome(fast, mutated) == _outcome(slow, mutated), mutated.hex()


def _bodies(name: str, chance: random.Random) -> tuple[Any, list[bytes]]:
    """A schema, and bodies of random values of it."""
    if name == "trees":
        return TREE, [encode(TREE, TREE_VALUE)]
    node = _raw(json.loads(next(file for file in OURS if file.name == name).read_bytes()))
    random.seed(chance.random())  # fastavro's generator draws from the module
    return node, [encode(node, value) for value in generate_many(parse_for_fastavro(node), 200)]


def _mutated(chance: random.Random, body: bytes) -> bytes:
    """A body cut, with bytes changed, taken out or put in, once to three times."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(body))
        some = chance.choice(
            [
                chance.randbytes(chance.randint(1, 6)),
                b"\xff" * chance.randint(1, 11) + b"\x01",
                bytes(chance.randint(1, 4)),
                struct.pack("<d", chance.random()),
            ]
        )
        after = chance.choice([body[at:], body[at + 1 :], body[at + len(some) :]])
        body = chance.choice([body[:at] + some + after, body[:at] + after, body[:at]])
    return body
