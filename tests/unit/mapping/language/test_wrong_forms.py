"""Mappings that are invalid for any schema."""

import pytest

from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from tests.unit.mapping.project import CARD, LOCAL, MILLIS, Wrong, array, assert_reported, nullable

ROWS = [
    Wrong("topics: [a b]", "int", "M017", "this is not a valid topic name", "a b]"),
    Wrong(
        "topics: payments",
        "int",
        "M026",
        "`mappings[0].topics` must be a list, not text",
        "payments",
    ),
    Wrong("topics: {pattern: '('}", "int", "M018", "invalid pattern: missing ): (", "'('}"),
    Wrong(
        "topics: {pattern: '^a(?=b)'}",
        "int",
        "M018",
        "invalid pattern: invalid perl operator: (?=",
        "'^a(?=b)'}",
    ),
    Wrong(
        "topics: {pattern: ''}",
        "int",
        "M027",
        "`mappings[0].topics.pattern` must have at least 1 character",
        "''}",
    ),
    Wrong("name: Bad Name", "int", "M001", "`Bad Name` is not a valid mapping name", "Bad Name"),
    Wrong("topics: []", "int", "M017", "no topic is listed", "[]"),
    Wrong(
        "uid: user..id",
        "int",
        "M003",
        "`user..id` is not a valid path: syntax error after `user`",
        "user..id",
    ),
    Wrong(
        "uid: {path: u, first_of: [u]}",
        "int",
        "M004",
        "`path` and `first_of` cannot be combined",
        "{path: u, first_of: [u]}",
    ),
    Wrong(
        "uid: {optional: true}",
        "int",
        "M004",
        "the value has no source",
        "{optional: true}",
    ),
    Wrong("uid: $kye", "int", "M003", "`$kye` is not a part of a record", "$kye"),
    Wrong("uid: $headers", "int", "M003", "`$headers` has no header name", "$headers"),
    Wrong("uid: $topic.x", "int", "M003", "there is nothing below `$topic`", "$topic.x"),
    Wrong(
        "event: ''", "int", "M009", "an event name has 1 to 250 characters, this one has 0", "''"
    ),
    Wrong(
        "event: " + "e" * 251,
        "int",
        "M009",
        "an event name has 1 to 250 characters, this one has 251",
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
    ),
    Wrong(
        "event: 'Order {u'", "int", "M020", "the brace at character 7 is unmatched", "'Order {u'"
    ),
    Wrong(
        "event: 'Order {u}'",
        "int",
        "M020",
        "`u` is string: event names can contain only enums",
        "'Order {u}'",
    ),
    Wrong(
        "timestamp: {path: x, format: unix}",
        MILLIS,
        "M021",
        "`x` is a timestamp-millis, which already has a unit and a zone",
        "unix}",
    ),
    Wrong(
        "timestamp: {path: x, zone: Mars/Base}",
        LOCAL,
        "M021",
        "unknown time zone `Mars/Base`",
        "Mars/Base}",
    ),
    Wrong(
        "session: latest",
        "int",
        "M027",
        "`mappings[0].session` must be one of `recent`, `none`",
        "latest",
    ),
    Wrong(
        "session: {url: u, device: u}",
        "int",
        "M013",
        "a session has exactly one of `url`, `device` and `id`, not 2",
        "{url: u, device: u}",
    ),
    Wrong("session: {id: u}", "int", "M013", "API v1 does not support a session by `id`", "id: u}"),
    Wrong(
        "filter: {x: [{greater: 3}]}",
        "int",
        "M010",
        "`greater` is not a filter operator",
        "{greater: 3}]}",
    ),
    Wrong("filter: {x: []}", "int", "M011", "an empty list matches nothing", "[]}"),
    Wrong(
        "filter: {x: null}",
        "int",
        "M010",
        "cannot compare with null: null and absent both count as missing",
        "null}",
    ),
    Wrong("filter: {x: [[1]]}", "int", "M010", "a list inside a list is not allowed here", "[1]]}"),
    Wrong(
        "filter: {x: [{above: 5, below: 3}]}",
        "int",
        "M011",
        "no number satisfies `above` and `below`",
        "{above: 5, below: 3}]}",
    ),
    Wrong(
        "filter: {x: [{above: 5, at_least: 3}]}",
        "int",
        "M010",
        "`above` and `at_least` set the same bound twice",
        "{above: 5, at_least: 3}]}",
    ),
    Wrong(
        "filter: {x: [{above: 5, prefix: a}]}",
        "int",
        "M010",
        "`above` and `prefix` cannot be combined",
        "{above: 5, prefix: a}]}",
    ),
    Wrong(
        "filter: {x: [{exists: 1}]}", "int", "M010", "`exists` takes true or false", "{exists: 1}]}"
    ),
    Wrong("filter: {any: {x: 1}}", "int", "M010", "`any` takes a list of filters", "{x: 1}}"),
    Wrong("filter: {any: []}", "int", "M011", "`any` needs at least one filter", "[]}"),
    Wrong("filter: {not: [x]}", "int", "M010", "`not` takes one filter", "[x]}"),
    Wrong(
        "properties:\n  p: {path: x, default: null}",
        nullable("string"),
        "M012",
        "a default of null has no meaning",
        "{path: x, default: null}",
    ),
    Wrong(
        "properties:\n  p: {path: x, default: a, optional: true}",
        nullable("string"),
        "M012",
        "`default` and `optional` contradict each other",
        "{path: x, default: a, optional: true}",
    ),
    Wrong(
        "properties:\n  p: {path: x, const: a}",
        "int",
        "M004",
        "`path` and `const` cannot be combined",
        "{path: x, const: a}",
    ),
    Wrong(
        "properties:\n  p: {optional: true}",
        "int",
        "M004",
        "the value has no source",
        "{optional: true}",
    ),
    Wrong(
        "properties:\n  p: {const: a, case: upper}",
        "int",
        "M005",
        "`const` is the same for every record: no other key applies",
        "{const: a, case: upper}",
    ),
    Wrong(
        "properties:\n  p: {path: x, else: a}",
        "int",
        "M005",
        "`else` requires `values`",
        "{path: x, else: a}",
    ),
    Wrong(
        "properties:\n  p: {path: x, count: true, scale: 2}",
        array("int"),
        "M005",
        "`count` and `scale` cannot be combined",
        "{path: x, count: true, scale: 2}",
    ),
    Wrong(
        "properties:\n  p: {path: x, redact: mask, hash: sha256}",
        "string",
        "M005",
        "`redact` and `hash` cannot be combined",
        "{path: x, redact: mask, hash: sha256}",
    ),
    Wrong(
        "properties:\n  p: {path: x, values: {a: 1, b: two}}",
        "string",
        "M022",
        "the results of `values` and `else` have different types",
        "{path: x, values: {a: 1, b: two}}",
    ),
    Wrong(
        "properties:\n  p: {path: x, pth: y}",
        "int",
        "M024",
        "unknown key `pth` in `mappings[0].properties.p`",
        "pth: y}",
    ),
    Wrong("properties:\n  p-1: x", "int", "M006", "`p-1` is not a valid property name", "p-1: x"),
    Wrong(
        "properties:\n  amount_real: x",
        "int",
        "M007",
        "`amount_real` ends in `_real`, which the bridge adds itself",
        "amount_real: x",
    ),
    Wrong("properties:\n  p: x\n  P: x", "int", "M008", "`P` and `p` differ only in case", "P: x"),
    Wrong(
        "properties:\n  a..b: x", "int", "M006", "`a..b` is not a valid property name", "a..b: x"
    ),
    Wrong("properties:\n  a.1: x", "int", "M006", "`a.1` is not a valid property name", "a.1: x"),
    Wrong(
        "properties:\n  a[0].b: x", "int", "M006", "`a[0].b` is not a valid property name", "a[0].b"
    ),
    Wrong(
        "properties:\n  " + "a." * 252 + "bcd: x",
        "int",
        "M006",
        "the name has 507 characters, the maximum is 506",
        "a.a.",
    ),
    Wrong(
        "properties:\n  " + "a." * 21 + "b: x",
        "int",
        "M006",
        "the name makes 21 objects, the maximum is 20",
        "a.a.",
    ),
    Wrong(
        "properties:\n  a.b_int.c: x",
        "int",
        "M007",
        "`b_int` ends in `_int`, which the bridge adds itself",
        "a.b_int.c: x",
    ),
    Wrong(
        "properties:\n  a: x\n  a.b: x",
        "int",
        "M008",
        "`a` is both a value and an object",
        "a.b: x",
    ),
    Wrong(
        "properties:\n  a.b.c: x\n  a.b: x",
        "int",
        "M008",
        "`a.b` is both a value and an object",
        "a.b: x",
    ),
    Wrong(
        "properties:\n  a.b: x\n  A: x",
        "int",
        "M008",
        "`A` is both a value and an object",
        "A: x",
    ),
    Wrong(
        "properties:\n  a.b: x\n  A.c: x",
        "int",
        "M008",
        "`A` and `a` differ only in case",
        "A.c: x",
    ),
    Wrong(
        "properties:\n  a.card.number: x",
        "string",
        "M014",
        "the property `a.card.number` must never be sent in the clear (`card`)",
        "a.card.number: x",
    ),
    Wrong(
        "properties:\n  password: x",
        "string",
        "M014",
        "the property `password` must never be sent in the clear (`*password*`)",
        "password: x",
    ),
    Wrong(
        "properties:\n  p: card.number",
        "string",
        "M014",
        "the path `card.number` must never be sent in the clear (`card`)",
        "card.number",
    ),
    Wrong(
        "properties:\n  p: {path: x, hash: hmac-sha256}",
        "string",
        "M015",
        "`hmac-sha256` needs a key, but the settings have none",
        "hmac-sha256}",
    ),
    Wrong(
        "properties:\n  p: {template: 'a {x'}",
        "string",
        "M020",
        "the brace at character 3 is unmatched",
        "'a {x'}",
    ),
    Wrong(
        "properties:\n  p: {template: '{x}'}",
        CARD,
        "M020",
        "`x` is record n.Inner: a template takes text",
        "'{x}'}",
    ),
    Wrong(
        "sample: {keep: 0, by: uid}",
        "int",
        "M019",
        "a sample keeps a share above 0 and at most 1",
        "0, by: uid}",
    ),
    Wrong(
        "sample: {keep: 0.5}",
        "int",
        "M025",
        "`mappings[0].sample.by` is missing",
        "sample: {keep: 0.5}",
    ),
    Wrong(
        "on_error: stop",
        "int",
        "M027",
        "`mappings[0].on_error` must be one of `dead_letter`, `skip`, `halt`",
        "stop",
    ),
    Wrong("nme: x", "int", "M024", "unknown key `nme` in `mappings[0]`", "nme: x"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_invalid_form_is_reported_with_code_message_and_place(row: Wrong) -> None:
    """One problem each, with the caret at the mistake."""
    assert_reported(row)


@pytest.mark.parametrize(
    ("clause", "field"), [("not: a", "not"), ("all: 5", "all"), ("any: [1, 2]", "any")]
)
def test_a_field_with_the_name_of_an_operator_gets_its_path_as_the_fix(
    clause: str, field: str
) -> None:
    """`$value` begins the path of such a field."""
    text = (
        f"format: 1\nmappings: [{{name: a, topics: [t], uid: u, event: E, filter: {{{clause}}}}}]"
    )
    with pytest.raises(Problems) as refused:
        load_rules([parse(text, "m.yaml")], NO_OPTIONS)
    [problem] = refused.value.problems
    assert (problem.code, problem.fix) == (
        "M010",
        f"if `{field}` is a field, write `$value.{field}`",
    )
