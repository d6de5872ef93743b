"""The reader with fastavro: added checks, and errors with a position."""

from typing import Any

import pytest

from bridge.avro import reader as reader_module
from bridge.avro.reader import make_name_of, make_reader
from bridge.errors import PoisonRecord
from tests.unit.avro.samples import PAYMENT, PAYMENT_VALUE, encode, long, tree

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
WRAPPED = {
    "type": "record",
    "name": "W",
    "fields": [
        {"name": "e", "type": ENUM},
        {"name": "u", "type": ["null", "E", {"type": "array", "items": ["E", "int"]}]},
        {"name": "m", "type": {"type": "map", "values": "E"}},
    ],
}


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        (long(-1), "e", "bad_enum_index"),
        (long(-2), "e", "bad_enum_index"),
        (long(0) + long(-1), "u", "bad_union_index"),
        (long(0) + long(-2) + long(0), "u", "bad_union_index"),
        (long(0) + long(1) + long(-1), "u", "bad_enum_index"),
        (long(0) + long(2) + long(1) + long(-1) + long(0), "u[0]", "bad_union_index"),
        (long(0) + long(0) + long(1) + b"\x02k" + long(-1), "m[*]", "bad_enum_index"),
    ],
)
def test_a_negative_index_is_refused(body: bytes, path: str, reason: str) -> None:
    """In a list, -1 would be the last symbol or branch, and the value wrong."""
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(WRAPPED))(body + b"\x00\x00", 0)
    assert (refusal.value.reason, refusal.value.path) == (reason, path)


def test_trailing_bytes_are_refused() -> None:
    """A body of another schema is often readable, but ends too early."""
    read = make_reader(tree(PAYMENT))
    body = encode(PAYMENT, PAYMENT_VALUE)
    assert read(body, 0) == PAYMENT_VALUE
    with pytest.raises(PoisonRecord) as refusal:
        read(body + b"\x00", 0)
    assert (refusal.value.reason, refusal.value.byte_offset) == ("trailing_bytes", len(body))


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"type": "enum", "name": "E", "symbols": ["with-dash", "2nd", "ok"]}, "2nd"),
        ([{"type": "enum", "name": "E", "symbols": ["with-dash"]}, "int"], "with-dash"),
    ],
)
def test_names_that_fastavro_refuses_are_read(node: Any, value: str) -> None:
    """Old registries contain enum symbols with a dash or a leading digit."""
    index = node["symbols"].index(value) if isinstance(node, dict) else 0
    body = long(index) if isinstance(node, dict) else long(0) + long(index)
    assert make_reader(tree(node))(body, 0) == value


def test_unusual_field_names_are_kept() -> None:
    """The keys of a value are the field names in the schema."""
    fields = [{"name": name, "type": "int"} for name in ("a-b", "1st", "x.y", "type")]
    node = {"type": "record", "name": "n-n.R-1", "fields": fields}
    value = {"a-b": 1, "1st": 2, "x.y": 3, "type": 4}
    assert make_reader(tree(node))(b"".join(long(n) for n in value.values()), 0) == value


def test_the_walker_reads_a_valid_body_if_fastavro_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a record is not lost."""

    def broken(*_: object) -> object:
        raise KeyError

    read = make_reader(tree(PAYMENT))
    monkeypatch.setattr(reader_module, "schemaless_reader", broken)
    assert read(encode(PAYMENT, PAYMENT_VALUE), 0) == PAYMENT_VALUE


def test_valid_bodies_do_not_need_the_walker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unions and enums included, fastavro alone reads them."""

    def slow(*_: object) -> object:
        raise AssertionError

    monkeypatch.setattr(reader_module, "walk", slow)
    value = {"e": "B", "u": ["A", 7], "m": {"k": "A"}}
    body = long(1) + long(2) + long(2) + long(0) + long(0) + long(1) + long(7) + long(0)
    body += long(1) + b"\x02k" + long(0) + long(0)
    assert make_reader(tree(WRAPPED))(body, 0) == value
    assert make_reader(tree(PAYMENT))(encode(PAYMENT, PAYMENT_VALUE), 0) == PAYMENT_VALUE
    assert make_reader(tree(["null", WRAPPED]))(long(1) + body, 0) == value


@pytest.mark.parametrize(
    ("node", "body", "name"),
    [
        ("string", b"\x00", None),
        (PAYMENT, b"", "shop.Payment"),
        (["null", PAYMENT, ENUM], long(0), None),
        (["null", PAYMENT, ENUM], long(1), "shop.Payment"),
        (["null", PAYMENT, ENUM], long(2), None),
    ],
)
def test_the_name_of_the_written_record_is_known(node: Any, body: bytes, name: str | None) -> None:
    """A topic can have several record types in a union at the root."""
    assert make_name_of(tree(node))(b"frame" + body, 5) == name


@pytest.mark.parametrize("index", [-1, 2, 2**40])
def test_an_invalid_index_at_the_root_is_refused(index: int) -> None:
    """The reader itself resolves the union at the root."""
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(["null", "string"]))(b"frame" + long(index), 5)
    assert (refusal.value.reason, refusal.value.byte_offset) == ("bad_union_index", 5)


def test_an_error_inside_a_union_at_the_root_has_its_position() -> None:
    """The reader of the branch knows the path and the offset."""
    body = long(1) + encode(PAYMENT, PAYMENT_VALUE)[:10]
    with pytest.raises(PoisonRecord) as refusal:
        make_reader(tree(["null", PAYMENT]))(body, 0)
    assert (refusal.value.path, refusal.value.byte_offset) == ("customer.address.street", 8)
