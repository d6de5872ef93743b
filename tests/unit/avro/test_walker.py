"""The bounded reader: what it reads, and how it says what is wrong and where."""

from typing import Any

import pytest

from bridge.avro.reader import make_reader
from bridge.avro.walker import walk
from bridge.errors import PoisonRecord
from tests.unit.avro.samples import NODE, PAYMENT, PAYMENT_VALUE, encode, long, tree

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
STRINGS = {"type": "array", "items": "string"}
NULLS = {"type": "array", "items": "null"}
FIXED = {"type": "fixed", "name": "F", "size": 3}

VALUES: list[tuple[Any, Any]] = [
    ("null", None),
    ("boolean", True),
    ("boolean", False),
    ("int", -(2**31)),
    ("int", 2**31 - 1),
    ("long", -(2**63)),
    ("long", 2**63 - 1),
    ("long", 0),
    ("float", 1.5),
    ("float", float("-inf")),
    ("double", 0.1),
    ("bytes", b"\x00\xff"),
    ("bytes", b""),
    ("string", "Zürich 🏔"),
    ("string", ""),
    (ENUM, "B"),
    (FIXED, b"abc"),
    ({"type": "fixed", "name": "F", "size": 0}, b""),
    (STRINGS, ["a", "", "c"]),
    (STRINGS, []),
    (NULLS, [None] * 1000),
    ({"type": "map", "values": "int"}, {"a": 1, "b": -1}),
    ({"type": "map", "values": "null"}, {"a": None}),
    (["null", "string", "long"], 7),
    (["null", "string", "long"], None),
    (["null", ENUM, NODE], "A"),
    (PAYMENT, PAYMENT_VALUE),
    (NODE, {"id": 1, "next": {"id": 2, "next": None}}),
    ({"type": "record", "name": "R", "fields": []}, {}),
    ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x12\xd6\x87"),
    ({"type": "long", "logicalType": "timestamp-millis"}, 10**17),
    ({"type": "int", "logicalType": "date"}, -1),
    ({"type": "string", "logicalType": "uuid"}, "not a uuid"),
]


@pytest.mark.parametrize(("node", "value"), VALUES)
def test_every_type_is_read_raw(node: Any, value: Any) -> None:
    """Walker and reader give what was written, and no logical type is applied."""
    plain = {key: part for key, part in node.items() if key != "logicalType"} if isinstance(
        node, dict
    ) else node  # fmt: skip
    data = b"frame" + encode(plain, value)
    for read in (make_reader(tree(node)), lambda data, start: walk(tree(node), data, start)):
        found = read(data, 5)
        assert found == value
        assert type(found) is type(value)


def test_blocks_with_a_size_are_read() -> None:
    """Writers may split arrays and maps into blocks, and say how long each is."""
    block = long(-2) + long(4) + b"\x02a\x02b" + long(1) + b"\x02c" + long(0)
    assert walk(tree(STRINGS), block, 0) == ["a", "b", "c"]
    entries = long(-1) + long(3) + b"\x02k\x0a" + long(1) + b"\x02k\x0c" + long(0)
    assert walk(tree({"type": "map", "values": "int"}), entries, 0) == {"k": 6}


CORRUPT: list[tuple[Any, bytes, str, int]] = [
    ("long", b"", "truncated", 0),
    ("long", b"\x80", "truncated", 0),
    ("long", b"\x80" * 9 + b"\x02", "varint_too_long", 0),
    ("long", b"\x80" * 12 + b"\x01", "varint_too_long", 0),
    ("long", b"\x80" * 1_000_000, "varint_too_long", 0),
    ("int", long(2**31), "int_out_of_range", 0),
    ("int", long(-(2**31) - 1), "int_out_of_range", 0),
    ("boolean", b"", "truncated", 0),
    ("boolean", b"\x07", "bad_boolean", 0),
    ("float", b"abc", "truncated", 0),
    ("double", b"abcdefg", "truncated", 0),
    ("string", b"\x0aab", "truncated", 0),
    ("string", long(-5) + b"abcdefgh", "negative_length", 0),
    ("string", long(2**40), "truncated", 0),
    ("bytes", long(2**62), "truncated", 0),
    ("string", b"\x06a\xffb", "invalid_utf8", 2),
    ("string", b"\x06\xed\xa0\x80", "invalid_utf8", 1),
    (FIXED, b"ab", "truncated", 0),
    (ENUM, long(-1), "bad_enum_index", 0),
    (ENUM, long(2), "bad_enum_index", 0),
    (["null", "int"], long(-1), "bad_union_index", 0),
    (["null", "int"], long(-2), "bad_union_index", 0),
    (["null", "int"], long(2), "bad_union_index", 0),
    ([], long(0), "bad_union_index", 0),
    (STRINGS, long(2**40), "truncated", 6),
    (NULLS, long(2**40), "too_many_empty_values", 6),
    (STRINGS, long(-1) + long(3) + b"\x02a\x00", "bad_block_size", 4),
    (STRINGS, long(-1) + long(-3) + b"\x02a\x00", "bad_block_size", 0),
    (STRINGS, long(-1) + long(300) + b"\x02a\x00", "bad_block_size", 0),
    ({"type": "map", "values": "int"}, long(1) + b"\x02\xff\x02\x00", "invalid_utf8", 2),
    ("string", b"\x02ab", "trailing_bytes", 2),
    ("null", b"\x00", "trailing_bytes", 0),
]


@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize(("node", "body", "reason", "offset"), CORRUPT)
def test_a_damaged_body_is_refused_with_reason_and_offset(
    node: Any, body: bytes, reason: str, offset: int, start: int
) -> None:
    """The offset counts from the beginning of the record's value, its framing included."""
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree(node), b"frame"[:start] + body, start)
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset + start)


@pytest.mark.parametrize("items", [
    {"type": "fixed", "name": "F", "size": 0},
    {"type": "record", "name": "R", "fields": []},
    {"type": "record", "name": "R", "fields": [{"name": "n", "type": "null"}]},
    {"type": "array", "items": "null"},
])  # fmt: skip
def test_items_that_take_no_byte_are_counted(items: Any) -> None:
    """Five bytes cannot become a million values."""
    data = long(1) + long(2**40) if items["type"] == "array" else long(2**40)
    for read in (make_reader(tree({"type": "array", "items": items})),):
        with pytest.raises(PoisonRecord) as refusal:
            read(data, 0)
        assert refusal.value.reason == "too_many_empty_values"


@pytest.mark.parametrize(
    ("cut", "path"),
    [
        (0, "id"),
        (6, "status"),
        (7, "customer.address.street"),
        (20, "customer.address.zip"),
        (22, "customer.address.zip"),
        (23, "paid"),
        (24, "items"),
        (25, "items[0].street"),
        (28, "items[1].street"),
        (31, "items[1].zip"),
        (34, "meta[*]"),
    ],
)
def test_a_cut_record_names_the_field_in_which_it_ends(cut: int, path: str) -> None:
    """Nested fields by dots, items by number; a map's key is payload and is not named."""
    data = encode(PAYMENT, PAYMENT_VALUE)[:cut]
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(PAYMENT))(data, 0)
    assert (refusal.value.reason, refusal.value.path) == ("truncated", path)
    assert path in str(refusal.value)
    assert refusal.value.byte_offset is not None
    assert refusal.value.byte_offset <= cut


def test_a_value_at_the_root_has_no_path() -> None:
    """There is no field to name."""
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree("string"), b"", 0)
    assert refusal.value.path is None


def test_messages_hold_nothing_of_the_payload() -> None:
    """Neither the text that was cut, nor a map's key, nor a number read among the damage."""
    node = {"type": "map", "values": ["null", "string"]}
    for body in (b"\x06key" + long(4242424242), b"\x06key\x02" + long(4242424242) + b"secret"):
        with pytest.raises(PoisonRecord) as refusal:
            walk(tree(node), long(1) + body, 0)
        for secret in ("key", "4242424242", "secret"):
            assert secret not in str(refusal.value)


def test_values_beside_each_other_are_not_nested() -> None:
    """Only what lies within each other counts as depth."""
    integers = {"type": "array", "items": "int"}
    many: Any = [[1]] * 150
    assert walk(tree({"type": "array", "items": integers}), encode(
        {"type": "array", "items": integers}, many), 0) == many  # fmt: skip
    maps = {"type": "map", "values": {"type": "map", "values": "int"}}
    entries = {str(i): {"k": i} for i in range(150)}
    assert walk(tree(maps), encode(maps, entries), 0) == entries


def test_nulls_that_took_a_byte_each_are_not_counted() -> None:
    """The branch of a union is written, so that the payload's length bounds their number."""
    nullable = {"type": "array", "items": ["null", "int"]}
    value = [None] * 150_000
    assert walk(tree(nullable), encode(nullable, value), 0) == value


def _nested(levels: int) -> bytes:
    """A chain of nodes as bytes; each level takes two."""
    return b"\x02\x02" * (levels - 1) + b"\x02\x00"


def test_nesting_is_read_up_to_a_hundred_levels() -> None:
    """As Apache Avro limits it too."""
    read = make_reader(tree(NODE))
    value: Any = read(_nested(100), 0)
    for _ in range(100):
        value = value["next"]
    assert value is None
    with pytest.raises(PoisonRecord) as refusal:
        read(_nested(101), 0)
    assert refusal.value.reason == "too_deep"


@pytest.mark.parametrize(
    "node",
    [
        NODE,
        {"type": "record", "name": "T", "fields": [
            {"name": "c", "type": {"type": "array", "items": "T"}}]},
        {"type": "record", "name": "T", "fields": [
            {"name": "c", "type": {"type": "map", "values": ["T"]}}]},
        {"type": "record", "name": "T", "fields": [
            {"name": "u", "type": [{"type": "record", "name": "U", "fields": [
                {"name": "t", "type": "T"}]}]}]},
        {"type": "record", "name": "T", "fields": [{"name": "t", "type": "T"}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("filling", [b"\x02\x02", b"\x02", b"\x02\x00", b"\x00", b"\x02\x00\x00"])
def test_no_payload_of_a_recursive_schema_ends_the_process(node: Any, filling: bytes) -> None:
    """A million levels are refused in no time; fastavro would die of a segmentation fault."""
    with pytest.raises(PoisonRecord):
        make_reader(tree(node))(filling * 1_000_000, 0)


def test_hundreds_of_unions_within_each_other_are_refused_too() -> None:
    """Unions do not count as levels, yet Python's own limit must not be what the caller sees."""
    union: Any = ["null", "T"]
    for _ in range(40):
        union = [union]
    node = {"type": "record", "name": "T", "fields": [{"name": "t", "type": union}]}
    body = (b"\x00" * 40 + b"\x02") * 99
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(node))(body, 0)
    assert refusal.value.reason == "too_deep"
