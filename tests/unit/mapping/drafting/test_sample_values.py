"""Made-up records: whole, of the schema's shape, and nobody's."""

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


def made(type_: Any, name: str = "x", wanted: bool = True, **given: Any) -> tuple[Any, str]:
    """A made-up record of one field, and the schema's text."""
    fields = [{"name": name, "type": type_}]
    text = json.dumps({"type": "record", "name": "R", "fields": fields})
    schema: Schema = parse_schema(text)
    root = schema.resolve(schema.root)
    assert isinstance(root, Record)
    places: dict[tuple[str, ...], Any] = {(key,): value for key, value in given.items()}
    return SampleRecord(schema, [(name,)] if wanted else [], places).record(root), text


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_made_up_value_can_be_encoded(type_: Any) -> None:
    """Whatever the type is: nothing is made up that the schema cannot hold."""
    value, text = made(type_)
    Encoder(WriterSchema("it", parse_schema(text), texts=(text,))).encode(value)


def test_what_can_be_null_is_there_only_if_it_is_wanted() -> None:
    """A test shall show what its mapping reads, and no more."""
    assert made(nullable("int"))[0] == {"x": 1}
    assert made(nullable("int"), wanted=False)[0] == {}
    assert made(array("int"), wanted=False)[0] == {"x": [1]}


def test_a_value_that_must_stand_there_does() -> None:
    """As what a filter asks for."""
    assert made("string", wanted=False, x="c")[0] == {"x": "c"}


def test_a_record_within_itself_ends() -> None:
    """With nothing, and lists of it are empty."""
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
        ("first_name", "made-up first name"),
    ],
)
def test_text_is_made_up_after_its_name(name: str, text: str) -> None:
    """With addresses and numbers that are reserved for examples."""
    assert made("string", name)[0] == {name: text}
