"""Drafts: the guesses from a schema and from observed values."""

import json
from typing import Any

import pytest

from bridge.mapping.drafting.draft import PROPERTIES_MAX, draft_mappings
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.schema_fields import FIELDS_MAX, fields_of
from bridge.mapping.drafting.text import write_draft
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.schema.parser import parse_schema
from bridge.schema.types import Record
from tests.unit.mapping.drafting.drafts import draft, properties, record
from tests.unit.mapping.project import DATE, ENUM, LOCAL, MILLIS, MONEY, array, logical, nullable

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID_OUT"]}


VALUES: list[tuple[str, Any, Any]] = [
    ("total", MONEY, {"total": "total"}),
    ("total", nullable(MONEY), {"total": {"path": "total", "optional": True}}),
    ("tags", array("string"), {"tags": {"path": "tags", "max_items": 20}}),
    ("items", array(record("I", a="int")), {"item_count": {"path": "items", "count": True}}),
    ("price_cents", "long", {"price": {"path": "price_cents", "scale": 0.01}}),
    ("opens", logical("int", "time-millis"), {"opens": {"path": "opens", "type": "str"}}),
    ("sum", ["double", "string"], {"sum": {"path": "sum", "type": "str"}}),
    ("paid", nullable("boolean"), {"paid": {"path": "paid", "optional": True}}),
    ("id", "string", {"order_id": "id"}),
    ("order_date", DATE, {"order_day": "order_date"}),
    ("x", record("X", y=record("Y", z="int")), {"z": "x.y.z"}),
    ("a b", "int", {"a_b": '$value["a b"]'}),
]


@pytest.mark.parametrize(("name", "type_", "drafted"), VALUES)
def test_a_property_is_drafted_by_type(name: str, type_: Any, drafted: Any) -> None:
    """With a name that FullStory accepts."""
    assert properties(draft(**{name: type_})) == drafted


LEFT_OUT: list[tuple[str, Any, str]] = [
    ("attributes", {"type": "map", "values": "string"}, "a map"),
    ("signature", "bytes", "bytes"),
    ("at", LOCAL, "a time without a zone"),
    ("nothing", "null", "always null"),
    ("password", "string", "secret, by name"),
    ("notes", "string", "free text"),
    ("fs_session_url", "string", "`session: {url: fs_session_url}` adds"),
    ("either", ["int", MILLIS], "do not show which"),
]


@pytest.mark.parametrize(("name", "type_", "why"), LEFT_OUT)
def test_omitted_fields_have_a_reason(name: str, type_: Any, why: str) -> None:
    """It is in the draft as a comment."""
    result = draft(**{name: type_})

    ((path, reason),) = result.left_out
    assert (path, result.properties) == (name, ())
    assert why in reason


def test_personal_data_is_hashed_if_there_is_a_key_and_masked_otherwise() -> None:
    """By name; a boolean is not an e-mail address."""
    types: dict[str, Any] = {
        "email": "string",
        "email_verified": "boolean",
        "cardNumber": nullable("string"),
    }
    card = {"path": "cardNumber", "redact": "last4", "optional": True}

    plain = properties(draft(**types))
    keyed = properties(draft(options=Options(hash_key=b"k"), **types))

    verified = {"email_verified": "email_verified"}
    mask = {"path": "email", "redact": "mask"}
    digest = {"path": "email", "hash": "hmac-sha256"}
    assert plain == {"email": mask, **verified, "card_number": card}
    assert keyed == {"email": digest, **verified, "card_number": card}


def test_a_sensitive_enum_is_left_out_and_other_enums_stay() -> None:
    """Also if its few values look harmless."""
    gender = {"type": "enum", "name": "Gender", "symbols": ["F", "M", "X"]}
    result = draft(gender=gender, color=ENUM)

    assert [path for path, _ in result.left_out] == ["gender"]
    assert properties(result) == {"color": "color"}


def test_personal_data_is_recognized_by_its_format() -> None:
    """In fields with any name, and in lists."""
    observed_value = {"reference": "a@example.com", "tags": ["x", "+49 30 1234567"]}
    result = draft(observed_value, reference="string", tags=array("string"))

    assert properties(result) == {
        "reference": {"path": "reference", "redact": "mask"},
        "tags": {"path": "tags", "max_items": 20, "redact": "mask"},
    }
    assert [line.why for line in result.properties] == [
        "e-mail address, by format",
        "phone number, by format",
    ]


def test_a_field_that_was_always_null_has_a_comment() -> None:
    """Producers may no longer write it."""
    row = record("Row", code=nullable("string"))
    result = draft(
        {"old": None, "row": None, "new": 1}, old=nullable("int"), row=nullable(row), new="int"
    )

    whys = {line.target: line.why for line in result.properties}
    always_null = "null in all observed records"
    assert whys == {"old": always_null, "row_code": always_null, "new": ""}


def test_a_long_comment_is_above_its_line() -> None:
    """With the same indentation."""
    long = "customer_mail_" + "x" * 60
    types: dict[str, Any] = {long: "string"}
    lines = write_draft([draft(**types)], "it").splitlines()

    at = lines.index(f"      {long}: {{path: {long}, redact: mask}}")
    assert lines[at - 1] == "      # e-mail address, by name"


def test_fields_that_must_never_be_sent_are_redacted() -> None:
    """Including fields that match the globs in the settings."""
    result = draft(
        options=Options(never_send=("*margin*",)), margin="int", card=record("C", n="int")
    )
    assert properties(result) == {
        "margin": {"path": "margin", "redact": "mask"},
        "n": {"path": "card.n", "redact": "mask"},
    }


ROW = record("Row", id="long", user_id="string")
CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({"before": nullable(ROW), "after": nullable("Row"), "op": "string"}, True),
    ({"before": nullable(ROW), "after": "Row", "op": "string"}, False),
    ({"before": "null", "after": "null", "op": "null"}, False),
    ({"before": nullable(ROW), "after": nullable("Row"), "op": ENUM}, False),
    ({"after": nullable(ROW), "op": "string"}, False),
]


@pytest.mark.parametrize(("types", "is_envelope"), CHANGES)
def test_the_row_in_debeziums_envelope_is_mapped(types: dict[str, Any], is_envelope: bool) -> None:
    """Records with only some of its field names are not envelopes."""
    result = draft(**types, name="db.orders.Envelope")

    new_rows = {"op": ["c"], "after": [{"exists": True}]}
    assert result.filter == (new_rows if is_envelope else {})
    if is_envelope:
        assert (result.uid.form, result.event.form) == ("after.user_id", "Order Created")
        assert properties(result) == {"order_id": "after.id"}
        assert result.left_out == (("before", "the row before the change"),)


def test_a_decimal_whose_scale_is_in_each_record_is_omitted() -> None:
    """Its scale alone would be a number without meaning."""
    decimal = record("io.debezium.data.VariableScaleDecimal", scale="int", value="bytes")
    result = draft(id="string", amount=decimal)
    assert result.left_out == (("amount", "a decimal whose scale is in each record"),)


def test_a_decimal_with_an_impossible_scale_is_omitted_with_the_reason() -> None:
    """Kafka Connect writes a scale of 127 if a column has none."""
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 64, "scale": 127}
    [(path, why)] = draft(id="string", amount=decimal).left_out
    assert path == "amount"
    assert "its scale 127 is above its precision 64" in why


def test_the_inner_record_of_a_recursive_type_is_omitted() -> None:
    """With the reason."""
    types: dict[str, Any] = {"id": "string", "parent": ["null", "shop.Order"]}
    assert draft(**types).left_out == (("parent", "recursive, or nested too deeply"),)


def test_the_number_of_properties_is_limited() -> None:
    """The nearest to the root stay, in the schema's order; the others are counted."""
    wide = record("Wide", **{f"w{n}": "int" for n in range(3)})
    types: dict[str, Any] = {f"f{n}": "int" for n in range(PROPERTIES_MAX - 1)}
    result = draft(wide=wide, **types)

    targets = [line.target for line in result.properties]
    assert targets == ["w0", *types]
    assert result.more == ("2 more fields that could be sent",)
    assert "not listed: 2 more fields" in write_draft([result], "it")


def test_paths_that_double_with_each_level_are_not_all_read() -> None:
    """Each record has two fields of the next one."""
    inner: Any = record("R0", **{f"x{n}": "int" for n in range(30)})
    for level in range(1, 20):
        inner = record(f"R{level}", a=inner, b=f"R{level - 1}", **{f"y{level}": "int"})
    schema = parse_schema(json.dumps(inner))
    root = schema.resolve(schema.root)
    assert isinstance(root, Record)

    listed, unread = fields_of(schema, root)

    assert len(listed) < 2 * FIELDS_MAX
    assert unread == 0  # those of level six are omitted as too deep
    wide = json.dumps(
        record("W", **{f"r{n}": {**inner, "name": f"I{n}"} if n == 0 else "I0" for n in range(60)})
    )
    schema = parse_schema(wide)
    root = schema.resolve(schema.root)
    assert isinstance(root, Record)
    listed, unread = fields_of(schema, root)
    assert FIELDS_MAX <= len(listed) < FIELDS_MAX + 5
    assert unread > 0


SAME: list[tuple[list[str], list[str]]] = [
    (["Order", "OrderValue"], ["t-order", "t-order-value"]),
    (["a.Order", "b.Order"], ["t-a-order", "t-b-order"]),
    (["a.b.Order", "a_b.Order"], ["t-a-b-order", "t-a-b-order-2"]),
]


@pytest.mark.parametrize(("records", "names"), SAME)
def test_record_types_with_equal_words_get_different_mapping_names(
    records: list[str], names: list[str]
) -> None:
    """Words such as `Value` say nothing, until they are the only difference."""
    text = json.dumps([record(name, id="string") for name in records])

    drafts = draft_mappings("t", parse_schema(text), ObservedValues(), NO_OPTIONS)

    assert [one.name for one in drafts] == names


def test_each_record_type_of_a_topic_has_a_mapping() -> None:
    """With a filter for the record type."""
    text = json.dumps([record("a.Paid", user_id="string"), record("a.Failed", code="string")])

    drafts = draft_mappings("payments", parse_schema(text), ObservedValues(), NO_OPTIONS)

    assert [(one.name, one.filter) for one in drafts] == [
        ("payments-paid", {"$record": "a.Paid"}),
        ("payments-failed", {"$record": "a.Failed"}),
    ]


def test_values_that_are_not_records_have_no_draft() -> None:
    """They have no fields to map."""
    assert draft_mappings("t", parse_schema('"string"'), ObservedValues(), NO_OPTIONS) == ()
