"""Schema fingerprints, compared with the values that Avro publishes."""

import struct
from typing import Any

import pytest

from bridge.avro.fingerprint import by_fingerprint, canonical_form, fingerprint
from bridge.errors import SetupError
from tests.unit.avro.samples import NODE, PAYMENT, tree


@pytest.mark.parametrize(
    ("schema", "number"),
    [
        ("null", 7195948357588979594),
        ("boolean", -6970731678124411036),
        ("int", 8247732601305521295),
        ("long", -3434872931120570953),
        ("float", 5583340709985441680),
        ("double", -8181574048448539266),
        ("bytes", 5746618253357095269),
        ("string", -8142146995180207161),
        (["int"], -5232228896498058493),
        ({"fields": [], "type": "record", "name": "foo"}, -4824392279771201922),
        (
            {"fields": [], "type": "record", "name": "foo", "namespace": "x.y"},
            5916914534497305771,
        ),
    ],
)
def test_the_fingerprint_equals_the_one_in_avros_test_data(schema: Any, number: int) -> None:
    """From `share/test/data/schema-tests.txt` of Apache Avro; little-endian on the wire."""
    assert struct.unpack("<q", fingerprint(tree(schema))) == (number,)


def test_the_canonical_form_omits_what_readers_do_not_need() -> None:
    """Namespace attributes, defaults, docs, logical types and wrapped types."""
    money = {"type": "fixed", "name": "Money", "size": 4, "aliases": ["old"]}
    schema = {
        "doc": "x",
        "name": "Payment",
        "namespace": "shop",
        "type": "record",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "a", "type": ["null", money], "default": "0"},
            {"name": "b", "type": {"type": "map", "values": "Money"}},
            {"name": "ü-1", "type": {"type": {"type": "array", "items": "string"}}},
            {"name": "s", "type": {"type": "enum", "name": "S", "symbols": ["A-1"], "default": 1}},
        ],
    }
    assert canonical_form(tree(schema)) == (
        '{"name":"shop.Payment","type":"record","fields":['
        '{"name":"at","type":"long"},'
        '{"name":"a","type":["null",{"name":"shop.Money","type":"fixed","size":4}]},'
        '{"name":"b","type":{"type":"map","values":"shop.Money"}},'
        '{"name":"ü-1","type":{"type":"array","items":"string"}},'
        '{"name":"s","type":{"name":"shop.S","type":"enum","symbols":["A-1"]}}]}'
    )


def test_a_recursive_schema_has_a_canonical_form() -> None:
    """The inner type is a reference by name."""
    assert canonical_form(tree(NODE)) == (
        '{"name":"Node","type":"record","fields":[{"name":"id","type":"int"},'
        '{"name":"next","type":["null","Node"]}]}'
    )


def test_two_schemas_with_one_fingerprint_are_refused() -> None:
    """They can differ in a logical type, and records cannot tell which one wrote them."""
    same = {**PAYMENT, "doc": "the same on the wire"}
    with pytest.raises(SetupError, match=r"the schemas a\.avsc and b\.avsc have the same"):
        by_fingerprint({"a.avsc": tree(PAYMENT), "b.avsc": tree(same)})
    names = by_fingerprint({"a.avsc": tree(PAYMENT), "b.avsc": tree(NODE)})
    assert names == {fingerprint(tree(PAYMENT)): "a.avsc", fingerprint(tree(NODE)): "b.avsc"}
