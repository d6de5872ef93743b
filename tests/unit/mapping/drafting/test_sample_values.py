"""Sample records: complete, valid for their schema, and without real data."""

import json
from typing import Any

import pytest

from bridge.avro.encoder import Encoder
from bridge.avro.schema_store import WriterSchema
from bridge.mapping.drafting.sample_values import SampleRecord
from bridge.schema.parser import parse_schema
from bridge.schema.types import Record, Schema
from tests.unit.mapping.project import (
    DATE,
    DURATION,
    ENUM,
    FIXED,
    ID,
    LOCAL,
    MAP,
    MICROS,
    MILLIS,
    MONEY,
    NANOS,
    array,
    logical,
    nullable,
)

TYPES: list[Any] = [
    *("string", "int", "long", "float", "double", "boolean", "bytes", "null"),
    *(MONEY, MILLIS, MICROS, NANOS, LOCAL, DATE, ENUM, ID, FIXED, MAP, DURATION),
    logical("bytes", "decimal", precision=2, scale=2),
    logical("bytes", "decimal", precision=4, scale=0),
    logical("int", "time-millis"),
    logical("string", "uuid"),
    array("int"),
    array(nullable("string")),
    nullable("string"),
    ["null", "int", "string"],
    {"type": "map", "values": MONEY},
]


def sample(type_: Any, name: str = "x", wanted: bool = True, **given: Any) -> tuple[Any, str]:
    """A sample record with one field, and the schema's text."""
    fields = [{"name": name, "type": type_}]
    text = json.dumps({"type": "record", "name": "R", "fields": fields})
    schema: Schema = parse_schema(text)
    root = schema.resolve(schema.root)
    assert isinstance(root, Record)
    given_values: dict[tuple[str, ...], Any] = {(key,): value for key, value in given.items()}
    return SampleRecord(schema, [(name,)] if wanted else [], given_values).record(root), text


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_sample_value_can_be_encoded(type_: Any) -> None:
    """For every type."""
    value, text = sample(type_)
    Encoder(WriterSchema("it", parse_schema(text), texts=(text,))).encode(value)


def test_nullable_fields_are_present_only_if_wanted() -> None:
    """A drafted test shows only the fields that its mapping reads."""
    assert sample(nullable("int"))[0] == {"x": 1}
    assert sample(nullable("int"), wanted=False)[0] == {}
    assert sample(array("int"), wanted=False)[0] == {"x": [1]}


def test_given_values_are_used() -> None:
    """For example, the values that a filter requires."""
    assert sample("string", wanted=False, x="c")[0] == {"x": "c"}


def test_a_recursive_record_ends() -> None:
    """With null or an empty list."""
    text = json.dumps(
        {
            "type": "record",
            "name": "R",
            "fields": [
                {"name": "up", "type": ["null", "R"]},
                {"name": "down", "type": {"type": "array", "items": "R"}},
            ],
        }
    )
    schema = parse_schema(text)
    root = schema.resolve(schema.root)
    assert isinstance(root, Record)
    value = SampleRecord(schema, [("up",), ("down",)], {}).record(root)
    assert value == {"up": None, "down": []}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("customer_email", "somebody@example.com"),
        ("currency", "EUR"),
        ("orderId", "order-1"),
        ("id", "id-1"),
        ("card_number", "0000 0000 0000 1234"),
        ("first_name", "sample first name"),
    ],
)
def test_sample_text_depends_on_the_field_name(name: str, text: str) -> None:
    """Addresses and numbers are those reserved for examples."""
    assert sample("string", name)[0] == {name: text}
