"""The grammar's table of cases, row by row, and that the table is complete."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bridge.mapping.language.filters import _BOUNDS, _COMBINATORS, _OPERATORS
from bridge.mapping.language.grammar.file import Defaults, MappingRule, Sample, TopicPattern
from bridge.mapping.language.grammar.values import (
    EventTable,
    LongTimestamp,
    LongUid,
    LongValue,
    SessionSource,
)
from bridge.mapping.language.paths import Root
from bridge.schema.avro_types import Measure, avro_type_of
from bridge.schema.parser import parse_schema
from bridge.schema.types import Array, Enum, Fixed, Map, Primitive, Record, Reference, Union
from tests.cases.grammar import RESULTS, Row, result, rows

ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.place)
def test_each_row_has_its_expected_result(row: Row) -> None:
    """Encoded by fastavro, decoded, mapped and built: the request, or the reason for none."""
    (expected,) = [key for key in RESULTS if key in row.data]
    found, what = result(row)

    if expected == "sent":
        assert (found, what["event_data"]) == ("event", row.data["sent"])
        assert list(what["event_data"]) == list(row.data["sent"])
        assert _types(what["event_data"]) == _types(row.data["sent"])
    elif expected == "event":
        assert found == "event"
        assert {key: what.get(key) for key in row.data["event"]} == row.data["event"]
    else:
        assert (found, what) == (expected, row.data[expected])


def test_the_table_covers_the_whole_grammar() -> None:
    """Every key of every form, every operator and every path root occurs in some row."""
    assert len(ROWS) >= 150
    assert len({row.place for row in ROWS}) == len(ROWS)
    used = {key for row in ROWS for key in _keys({**row.mapping, **row.data.get("file", {})})}
    forms: list[type[BaseModel]] = [
        *(MappingRule, LongUid, EventTable, LongTimestamp, SessionSource, LongValue, Sample),
        *(TopicPattern, Defaults),
    ]
    grammar = {field.alias or name for form in forms for name, field in form.model_fields.items()}
    grammar |= {*_OPERATORS, *_BOUNDS, *_COMBINATORS}
    assert grammar - used == {"tests"}
    texts = " ".join(str(row.mapping) for row in ROWS)
    assert [root for root in get_args(Root) if f"${root}" not in texts] == []


def test_the_table_covers_every_avro_type() -> None:
    """Every kind of leaf value, and every primitive type."""
    avro_types = [avro_type for row in ROWS for avro_type in _leaves(row)]

    assert set(get_args(Measure)) - {avro_type.measure for avro_type in avro_types} == set()
    whats = {avro_type.what for avro_type in avro_types}
    assert {"int", "long", "float", "double", "bytes", "string", "boolean"} <= whats
    assert {f"timestamp-{unit}" for unit in ("millis", "micros", "nanos")} <= whats
    assert {f"local-timestamp-{unit}" for unit in ("millis", "micros", "nanos")} <= whats


def _types(data: dict[str, Any]) -> list[type]:
    """Python treats 1 and 1.0 as equal; for FullStory they have different types."""
    return [type(item) for value in data.values() for item in _items(value)]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _keys(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from _keys(value)
    elif isinstance(data, list):
        for item in data:
            yield from _keys(item)


def _leaves(row: Row) -> Iterator[Any]:
    schema = parse_schema(row.schema)
    waiting, seen = [schema.root], set()
    while waiting:
        type_ = schema.resolve(waiting.pop())
        if type_ in seen:
            continue
        seen.add(type_)
        match type_:
            case Union(branches):
                waiting += branches
                continue
            case Array(inner) | Map(inner):
                waiting.append(inner)
            case Record():
                waiting += [field.type for field in type_.fields]
            case Primitive("null"):
                continue
            case Enum() | Fixed() | Primitive() | Reference():
                pass
        yield avro_type_of(type_)
