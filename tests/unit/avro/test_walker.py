"""The bounded reader: the values that it reads, its errors and its limits."""

from typing import Any

import pytest

from bridge.avro import walker as walker_module
from bridge.avro.reader import make_reader
from bridge.avro.walker import walk
from bridge.errors import PoisonRecord
from tests.unit.avro.samples import (
    NODE,
    PAYMENT,
    PAYMENT_VALUE,
    encode,
    long,
    recursion_limit,
    tree,
)

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
STRINGS, NULLS = ({"type": "array", "items": items} for items in ("string", "null"))
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
    (NULLS, [None] * 3),
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
    """Walker and reader return the written value, without logical types."""
    plain = {key: part for key, part in node.items() if key != "logicalType"} if isinstance(
        node, dict
    ) else node  # fmt: skip
    data = b"frame" + encode(plain, value)
    for read in (make_reader(tree(node)), lambda data, start: walk(tree(node), data, start)):
        result = read(data, 5)
        assert result == value
        assert type(result) is type(value)


def test_blocks_with_a_size_are_read() -> None:
    """Writers can split arrays and maps into blocks, with a size in front of each."""
    block = long(-2) + long(4) + b"\x02a\x02b" + long(1) + b"\x02c" + long(0)
    assert walk(tree(STRINGS), block, 0) == ["a", "b", "c"]
    entries = long(-1) + long(3) + b"\x02k\x0a" + long(1) + b"\x02k\x0c" + long(0)
    assert walk(tree({"type": "map", "values": "int"}), entries, 0) == {"k": 6}


CORRUPT: list[tuple[Any, bytes, str, int]] = [
    ("long", b"", "truncated", 0),
    ("long", b"\x80", "truncated", 0),
    ("long", b"\x80" * 9 + b"\x02", "varint_too_long", 0),
    ("long", b"\x80" * 12 + b"\x01", "varint_too_long", 0),
    ("long", b"\x80" * 100, "varint_too_long", 0),
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
    (STRINGS, long(3) + b"\x02a", "truncated", 3),
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
    """The offset counts from the beginning of the record's value, including its framing."""
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree(node), b"frame"[:start] + body, start)
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset + start)


@pytest.mark.parametrize("items", [
    "null",
    {"type": "fixed", "name": "F", "size": 0},
    {"type": "record", "name": "R", "fields": []},
    {"type": "record", "name": "R", "fields": [{"name": "n", "type": "null"}]},
    {"type": "array", "items": "null"},
])  # fmt: skip
def test_values_without_bytes_are_limited(items: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may have as many of them as the limit, and no more."""
    monkeypatch.setattr(walker_module, "VALUES_MAX", 5)
    nested = isinstance(items, dict) and items["type"] == "array"
    read = make_reader(tree({"type": "array", "items": items}))

    def body(count: int) -> bytes:
        return long(1) * nested + long(count) + b"\x00" * (1 + nested)

    assert read(body(5), 0)
    with pytest.raises(PoisonRecord) as refusal:
        read(body(6), 0)
    assert refusal.value.reason == "too_many_empty_values"


def test_the_error_for_too_many_values_has_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framing counts, too."""
    monkeypatch.setattr(walker_module, "VALUES_MAX", 5)
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree(NULLS), b"frame" + long(6) + b"\x00", 5)
    assert (refusal.value.stage, refusal.value.byte_offset) == ("decode", 6)


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
def test_a_cut_off_record_names_the_field_in_which_it_ends(cut: int, path: str) -> None:
    """Nested fields with dots, items by index; a map key is payload and not named."""
    data = encode(PAYMENT, PAYMENT_VALUE)[:cut]
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(PAYMENT))(data, 0)
    assert (refusal.value.reason, refusal.value.path) == ("truncated", path)
    assert path in str(refusal.value)
    assert refusal.value.byte_offset is not None
    assert refusal.value.byte_offset <= cut


def test_a_value_at_the_root_has_no_path() -> None:
    """The error names no field."""
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree("string"), b"", 0)
    assert refusal.value.path is None


def test_messages_contain_no_payload() -> None:
    """No cut-off text, no map key, and no number from damaged bytes."""
    node = {"type": "map", "values": ["null", "string"]}
    for body in (b"\x06key" + long(4242424242), b"\x06key\x02" + long(4242424242) + b"secret"):
        with pytest.raises(PoisonRecord) as refusal:
            walk(tree(node), long(1) + body, 0)
        for secret in ("key", "4242424242", "secret"):
            assert secret not in str(refusal.value)


def test_siblings_do_not_count_as_depth() -> None:
    """Only nested values do."""
    arrays = {"type": "array", "items": {"type": "array", "items": "int"}}
    items: Any = [[1]] * 150
    assert walk(tree(arrays), encode(arrays, items), 0) == items
    maps = {"type": "map", "values": {"type": "map", "values": "int"}}
    entries = {str(i): {"k": i} for i in range(150)}
    assert walk(tree(maps), encode(maps, entries), 0) == entries


def test_nulls_in_a_union_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a byte for the branch index, so the length of the body bounds their number."""
    monkeypatch.setattr(walker_module, "VALUES_MAX", 5)
    nullable = {"type": "array", "items": ["null", "int"]}
    value = [None] * 50
    assert walk(tree(nullable), encode(nullable, value), 0) == value


def _nested(levels: int) -> bytes:
    """A linked list of nodes as bytes, two per level."""
    return b"\x02\x02" * (levels - 1) + b"\x02\x00"


def test_nesting_is_read_up_to_a_hundred_levels() -> None:
    """Apache Avro has the same limit."""
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
                {"name": "t", "type": ["null", "T"]}]}]}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("pattern", [b"\x02\x02", b"\x02", b"\x02\x00", b"\x00", b"\x02\x00\x00"])
def test_the_depth_of_recursive_schemas_is_limited(
    node: Any, pattern: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bodies with too many levels or with trailing bytes are refused."""
    monkeypatch.setattr(walker_module, "DEPTH_MAX", 3)
    with pytest.raises(PoisonRecord):
        make_reader(tree(node))(pattern * 10, 0)


@pytest.mark.parametrize(
    ("node", "pattern"),
    [
        (NODE, b"\x02\x02"),
        ({"type": "record", "name": "T", "fields": [
            {"name": "c", "type": {"type": "array", "items": "T"}}]}, b"\x02"),
        ({"type": "record", "name": "T", "fields": [
            {"name": "c", "type": {"type": "map", "values": ["T"]}}]}, b"\x02\x00\x00"),
    ],
)  # fmt: skip
def test_the_error_for_nested_values_names_the_depth(
    node: Any, pattern: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records, arrays and maps count as levels."""
    monkeypatch.setattr(walker_module, "DEPTH_MAX", 3)
    with pytest.raises(PoisonRecord, match="more than 3 levels deep") as refusal:
        make_reader(tree(node))(pattern * 5, 0)
    assert refusal.value.reason == "too_deep"


def test_nested_records_without_bytes_count_as_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The length of the body does not bound their depth."""
    monkeypatch.setattr(walker_module, "DEPTH_MAX", 3)
    node: Any = "null"
    for level in range(4):
        fields = [{"name": "f", "type": node}]
        node = {"type": "record", "name": f"L{level}", "fields": fields}
    with pytest.raises(PoisonRecord) as refusal:
        walk(tree(node), b"", 0)
    assert refusal.value.reason == "too_deep"


def test_a_recursion_error_is_a_poison_record() -> None:
    """Unions do not count as levels, so Python's own limit can come first."""
    read = make_reader(tree(NODE))
    with recursion_limit(60), pytest.raises(PoisonRecord) as refusal:
        read(_nested(50), 0)
    assert (refusal.value.reason, refusal.value.byte_offset) == ("too_deep", 0)
