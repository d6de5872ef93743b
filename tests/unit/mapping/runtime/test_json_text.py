"""JSON in a text field: parsed once, within limits, and named in messages without values."""

import json

import orjson
import pytest

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.runtime import json_text
from bridge.mapping.runtime.json_text import JSON_BYTES_MAX, JsonText
from bridge.mapping.runtime.outcome import Event, MappingRejected
from bridge.schema.conversions import MappingError
from bridge.schema.parser import parse_schema
from tests.cases.raw import record
from tests.unit.mapping.project import outcomes, problems_of, schema_text

MAPPINGS = """\
format: 1
mappings:
  - name: a
    topics: [t]
    parse: {x: json}
    filter: {x.kind: a}
    uid: u
    event: A
    properties:
      one: {path: x.one, type: int, optional: true}
      two: {path: x.two, type: str, optional: true}
  - name: b
    topics: [t]
    parse: {x: json}
    filter: {x.kind: b}
    uid: u
    event: B
    properties:
      one: {path: x.one, type: int, optional: true}
"""


def test_a_text_is_parsed_once_for_all_filters_and_properties(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All mappings of a topic share it; only its field is decoded."""
    texts: list[str | bytes] = []

    def loads(text: str | bytes) -> object:
        texts.append(text)
        return orjson.loads(text)

    monkeypatch.setattr(json_text, "loads", loads)
    schema = parse_schema(schema_text("string"))
    plan = compile_plan(load_rules([parse(MAPPINGS, "m.yaml")]), "t", schema)
    bodies = [json.dumps({"kind": kind, "one": 1, "two": 2}) for kind in ("a", "b", "c")]

    found = [plan.map(record("t", timestamp_ms=1), {"u": "u1", "x": body}) for body in bodies]

    names = [[one.name for one in some if isinstance(one, Event)] for some in found]
    assert names == [["A"], ["B"], []]
    assert texts == bodies
    assert plan.wanted.filter == {("x",)}
    assert plan.wanted.all == {("u",), ("x",)}


def test_invalid_text_is_parsed_once_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred filters over a damaged record must not parse it a hundred times."""
    calls: list[str | bytes] = []

    def loads(text: str | bytes) -> object:
        calls.append(text)
        return orjson.loads(text)

    monkeypatch.setattr(json_text, "loads", loads)
    read, text = JsonText("x"), "{"
    for _ in range(3):
        with pytest.raises(MappingError, match="`x` is not JSON"):
            read(text)
    assert calls == [text]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 1024 + "]" * 1024, None),
        ("[" * 1025 + "]" * 1025, "not_json"),
        (json.dumps("x" * (JSON_BYTES_MAX - 2)), None),
        (json.dumps("x" * (JSON_BYTES_MAX - 1)), "json_too_large"),
        ("NaN", "not_json"),
        (b"\xff", "not_json"),
        ('"\\ud800"', "not_json"),
        ({"a": 1}, "not_json"),
    ],
)
def test_size_and_depth_are_limited(text: object, reason: str | None) -> None:
    """The depth by the parser."""
    if reason is None:
        assert JsonText("x")(text)
        return
    with pytest.raises(MappingError) as raised:
        JsonText("x")(text)
    assert (raised.value.reason, raised.value.path) == (reason, "x")


def test_a_reject_names_the_path_and_no_value() -> None:
    """Of the property, or of the text if the text itself is wrong."""
    body = "parse: {x: json}\nproperties:\n  p: {path: x.a, type: int, optional: true}"
    rejects = {"{secret": "`x` is not JSON", '{"a": "secret"}': "the text is not a decimal number"}
    for text, message in rejects.items():
        (found,) = outcomes(body, "string", text)
        assert isinstance(found, MappingRejected)
        assert (found.message, found.path) == (message, "x.a")


def test_the_cure_for_a_path_below_text_is_parse() -> None:
    """Users who see JSON in a field find the key."""
    (problem,) = problems_of("properties:\n  p: x.a", "string")
    assert problem.fix == "if it contains JSON, add `parse: {x: json}` to the mapping"


@pytest.mark.parametrize(
    "key", ["type: strs", "count: true", "sum: true", "max_items: 1, type: str"]
)
def test_the_cure_for_a_list_in_json_is_its_items(key: str) -> None:
    """No schema says that there is a list: the path does."""
    body = f"parse: {{x: json}}\nproperties:\n  p: {{path: x.a, {key}, optional: true}}"
    (problem,) = problems_of(body, "string")
    assert (problem.code, problem.fix) == ("M039", "write `x.a[*]` if it is a list")
