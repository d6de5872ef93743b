"""For any schema, the mapping file that `init` drafts is correct without changes."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.avro.encoder import Encoder
from bridge.avro.reader import make_reader
from bridge.avro.schema_store import WriterSchema
from bridge.commands.draft_file import draft_file
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.sample_values import SampleRecord
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.testing.tests import mapping_tests_of, run_mapping_test, untested
from bridge.schema.parser import parse_schema
from bridge.schema.types import Record

NAMES = st.sampled_from(
    [
        *("id", "user_id", "userId", "customer", "status", "type", "op", "before", "after"),
        *("email", "card", "cardNumber", "cvv", "amount_cents", "createdAt", "created_at", "name"),
        *("birth_date", "a_str", "a b", "it's", "9", "ünï", "items", "A", "a", "session_url"),
        *("pin", "ts_ms"),
    ]
)
SCALARS = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
LOGICAL = st.sampled_from(
    [
        ("bytes", "decimal"),
        ("long", "timestamp-millis"),
        ("long", "timestamp-nanos"),
        ("long", "local-timestamp-micros"),
        ("int", "date"),
        ("int", "time-millis"),
        ("string", "uuid"),
    ]
)


@st.composite
def types(draw: st.DrawFn, numbers: list[int], depth: int = 0) -> Any:
    """A type; named types are numbered, so that no name occurs twice."""
    kinds = ["scalar", "scalar", "logical", "enum", "fixed"]
    deep = [*kinds, "union", "array", "map", "record"]
    kind = draw(st.sampled_from(deep if depth < 3 else kinds))
    if kind == "scalar":
        return draw(SCALARS)
    if kind == "logical":
        base, name = draw(LOGICAL)
        return {"type": base, "logicalType": name, "precision": 6, "scale": draw(st.integers(0, 6))}
    if kind == "array":
        return {"type": "array", "items": draw(types(numbers, depth + 1))}
    if kind == "map":
        return {"type": "map", "values": draw(types(numbers, depth + 1))}
    if kind == "union":
        return ["null", draw(types(numbers, depth + 3))] if draw(st.booleans()) else _pair(draw)
    return draw(named(numbers, kind, depth))


def _pair(draw: st.DrawFn) -> list[str]:
    return draw(st.lists(SCALARS, min_size=2, max_size=3, unique=True))


@st.composite
def named(draw: st.DrawFn, numbers: list[int], kind: str, depth: int) -> Any:
    """An enum, fixed or record."""
    numbers.append(1)
    name = f"shop.T{len(numbers)}"
    if kind == "enum":
        some = st.sampled_from(["NEW", "PAID", "a_b", "X"])
        symbols = draw(st.lists(some, min_size=1, unique=True))
        return {"type": "enum", "name": name, "symbols": symbols}
    if kind == "fixed":
        return {"type": "fixed", "name": name, "size": draw(st.sampled_from([1, 16]))}
    names = draw(st.lists(NAMES, max_size=6, unique=True))
    fields = [{"name": field, "type": draw(types(numbers, depth + 1))} for field in names]
    return {"type": "record", "name": name, "fields": fields}


@st.composite
def schemas(draw: st.DrawFn) -> Any:
    """A record, or a union of records."""
    numbers: list[int] = []
    if draw(st.integers(0, 4)):
        return draw(named(numbers, "record", 0))
    return [draw(named(numbers, "record", 1)) for _ in range(draw(st.integers(1, 3)))]


@given(schemas(), st.booleans())
def test_a_draft_is_correct_for_any_schema(schema: Any, has_records: bool) -> None:
    """It loads, fits the schema without a warning, and its tests pass with the real components."""
    text = json.dumps(schema)
    writer = WriterSchema("it.avsc", parse_schema(text), texts=(text,))
    options = Options(hash_key=b"k" if has_records else None)
    observed = _observe_sample(writer) if has_records else ObservedValues()

    drafted = draft_file("payments", writer, observed, options)

    document = parse(drafted, "it.yaml")
    rules = load_rules([document], options)
    examples = mapping_tests_of(document)
    bench = RealTestEnvironment({"payments": writer}, options)
    assert compile_plan(rules, "payments", writer.schema, options).warnings == ()
    assert untested(rules, examples) == ()
    results = [run_mapping_test(example, rules, bench) for example in examples]
    assert [result for result in results if not result.passed] == []
    assert len(examples) == len(rules)


def _observe_sample(writer: WriterSchema) -> ObservedValues:
    """The observed values of one sample record."""
    observed = ObservedValues()
    schema = writer.schema
    record = schema.resolve(schema.root)
    if isinstance(record, Record):
        sample = SampleRecord(schema, [(field.name,) for field in record.fields], {}).record(record)
        observed.note(make_reader(schema)(Encoder(writer).encode(sample), 0), b"\x00")
    return observed
