"""Drafts: what is guessed from a schema and from the look of records."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.mapping.drafting.draft import PROPERTIES_MAX, Draft, draft_mappings
from bridge.mapping.drafting.names import event_of, name_targets, slug, subject_of
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.text import write_draft
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.schema.parser import parse_schema
from tests.unit.mapping.project import DATE, ENUM, LOCAL, MILLIS, MONEY, array, logical, nullable

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID_OUT"]}


def record(name: str, **types: Any) -> dict[str, Any]:
    """A record type with these fields."""
    fields = [{"name": field, "type": type_} for field, type_ in types.items()]
    return {"type": "record", "name": name, "fields": fields}


def draft(
    *seen: Mapping[str, Any], options: Options = NO_OPTIONS, name: str = "shop.Order", **types: Any
) -> Draft:
    """The draft for a record of these fields, of which these values were seen."""
    observed = ObservedValues()
    for value in seen:
        observed.note(value, b"key-1")
    schema = parse_schema(json.dumps(record(name, **types)))
    (found,) = draft_mappings("orders", schema, observed, options)
    return found


def properties(found: Draft) -> dict[str, Any]:
    """The drafted properties by name."""
    return {line.target: line.form for line in found.properties}


USERS: list[tuple[dict[str, Any], Any]] = [
    ({"customer": record("C", id="string"), "id": "string"}, "customer.id"),
    ({"user_id": "long", "customer_id": "string"}, "user_id"),
    ({"customerId": nullable("string")}, {"path": "customerId", "optional": True}),
    ({"uid": "string"}, "uid"),
    ({"purchaser": "int"}, "purchaser"),
    ({"customer_number": "string"}, "customer_number"),
    ({"id": "string", "email": "string"}, {"path": "$key", "optional": True}),
    ({"card_id": "string", "user_ids": array("string")}, {"path": "$key", "optional": True}),
    ({"user_id": "double"}, {"path": "$key", "optional": True}),
]


@pytest.mark.parametrize(("types", "uid"), USERS)
def test_the_user_is_guessed_from_names(types: dict[str, Any], uid: Any) -> None:
    """Optional where it can be null; the key, as a question, where nothing names a user."""
    assert draft(**types).uid.form == uid


def test_other_users_are_told() -> None:
    """The reader knows which one the web site uses."""
    assert "or is it customer_id?" in draft(user_id="long", customer_id="string").uid.why


def test_how_often_the_user_was_null_is_told() -> None:
    """Guests are normal, and their share is worth knowing."""
    found = draft({"user_id": None}, {"user_id": "u"}, user_id=nullable("string"))
    assert "null in 1 of 2 records" in found.uid.why


def test_a_key_that_is_no_text_is_not_the_user() -> None:
    """A header is named then, which must be there to count."""
    observed = ObservedValues()
    observed.note({"id": "x"}, b"\x00\x00\x00\x00\x01\x02")
    schema = parse_schema(json.dumps(record("R", id="string")))

    (found,) = draft_mappings("t", schema, observed, NO_OPTIONS)

    assert found.uid.form == {"path": "$headers.x-user-id", "optional": True}


def test_an_enum_that_says_what_happened_names_the_event() -> None:
    """With a table of all its symbols."""
    form = draft(status=STATUS, color=ENUM).event.form
    assert form == {"path": "status", "values": {"NEW": "Order New", "PAID_OUT": "Order Paid Out"}}


def test_without_such_an_enum_the_record_names_the_event() -> None:
    """An enum that can be null, or that says something else, does not."""
    found = draft(status=nullable(STATUS), color=ENUM, name="shop.OrderPlacedEvent")
    assert found.event.form == "Order Placed"


TIMES: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
    ({"updated_at": MILLIS, "occurred_at": MILLIS}, {}, "occurred_at"),
    ({"createdAt": nullable(MILLIS)}, {}, {"path": "createdAt", "optional": True}),
    ({"ts_ms": "long"}, {}, {"path": "ts_ms", "format": "unix_ms"}),
    ({"ordertime": "long"}, {}, "$timestamp"),
    ({"ordertime": "long"}, {"ordertime": 1_767_323_045}, {"path": "ordertime", "format": "unix"}),
    ({"at": "string"}, {}, "$timestamp"),
    (
        {"at": "string"},
        {"at": "2026-01-02T03:04:05Z"},
        {"path": "at", "format": "iso8601"},
    ),
    ({"at": "string"}, {"at": "2026-01-02T03:04:05"}, "$timestamp"),
    ({"at": LOCAL, "day": DATE}, {}, "$timestamp"),
]


@pytest.mark.parametrize(("types", "seen", "timestamp"), TIMES)
def test_the_time_is_guessed_from_type_name_and_look(
    types: dict[str, Any], seen: dict[str, Any], timestamp: Any
) -> None:
    """A bare number or text is a time only if something says so."""
    assert draft(*([seen] if seen else []), **types).timestamp.form == timestamp


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
def test_a_value_is_drafted_by_its_type(name: str, type_: Any, drafted: Any) -> None:
    """Under a name that FullStory takes."""
    assert properties(draft(**{name: type_})) == drafted


LEFT_OUT: list[tuple[str, Any, str]] = [
    ("attributes", {"type": "map", "values": "string"}, "a map"),
    ("signature", "bytes", "bytes"),
    ("at", LOCAL, "a time without its zone"),
    ("nothing", "null", "always null"),
    ("password", "string", "secret, by name"),
    ("notes", "string", "free text"),
    ("fs_session_url", "string", "`session: {url: fs_session_url}` would"),
    ("either", ["int", MILLIS], "do not say which"),
]


@pytest.mark.parametrize(("name", "type_", "why"), LEFT_OUT)
def test_what_is_left_out_says_why(name: str, type_: Any, why: str) -> None:
    """So that nobody wonders where it is."""
    found = draft(**{name: type_})

    ((path, told),) = found.left_out
    assert (path, found.properties) == (name, ())
    assert why in told


def test_personal_data_is_masked_and_hashed_where_there_is_a_key() -> None:
    """By its name; true and false are nobody's e-mail."""
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


def test_personal_data_is_known_by_its_look() -> None:
    """A field of any name, also in a list."""
    seen = {"reference": "a@example.com", "tags": ["x", "+49 30 1234567"]}
    found = draft(seen, reference="string", tags=array("string"))

    assert properties(found) == {
        "reference": {"path": "reference", "redact": "mask"},
        "tags": {"path": "tags", "max_items": 20, "redact": "mask"},
    }
    assert [line.why for line in found.properties] == [
        "e-mail address, by look",
        "phone number, by look",
    ]


def test_a_field_that_was_never_there_is_told() -> None:
    """It may be one that nobody writes any more."""
    row = record("Row", code=nullable("string"))
    found = draft(
        {"old": None, "row": None, "new": 1}, old=nullable("int"), row=nullable(row), new="int"
    )

    whys = {line.target: line.why for line in found.properties}
    assert whys == {"old": "always null so far", "row_code": "always null so far", "new": ""}


def test_a_long_comment_stands_above_its_line() -> None:
    """As deep as the line itself."""
    long = "customer_mail_" + "x" * 60
    types: dict[str, Any] = {long: "string"}
    lines = write_draft([draft(**types)], "it").splitlines()

    at = lines.index(f"      {long}: {{path: {long}, redact: mask}}")
    assert lines[at - 1] == "      # e-mail address, by name"


def test_what_may_never_leave_is_redacted() -> None:
    """Also by the settings' own globs."""
    found = draft(
        options=Options(never_send=("*margin*",)), margin="int", card=record("C", n="int")
    )
    assert properties(found) == {
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


@pytest.mark.parametrize(("types", "is_one"), CHANGES)
def test_the_row_of_a_change_is_mapped(types: dict[str, Any], is_one: bool) -> None:
    """Debezium's envelope, and nothing that has some of its names only."""
    found = draft(**types, name="db.orders.Envelope")

    new_rows = {"op": ["c"], "after": [{"exists": True}]}
    assert found.filter == (new_rows if is_one else {})
    if is_one:
        assert (found.uid.form, found.event.form) == ("after.user_id", "Order Created")
        assert properties(found) == {"order_id": "after.id"}
        assert found.left_out == (("before", "the row as it was"),)


def test_a_record_within_itself_ends() -> None:
    """And what is below it is left out with the reason."""
    types: dict[str, Any] = {"id": "string", "parent": ["null", "shop.Order"]}
    assert draft(**types).left_out == (("parent", "it goes on without end, or very deep"),)


def test_a_very_wide_record_is_cut() -> None:
    """Each field too many is named."""
    types: dict[str, Any] = {f"f{n}": "int" for n in range(PROPERTIES_MAX + 2)}
    found = draft(**types)

    assert len(found.properties) == PROPERTIES_MAX
    assert [path for path, _ in found.left_out] == [f"f{PROPERTIES_MAX}", f"f{PROPERTIES_MAX + 1}"]


def test_a_topic_of_several_records_has_a_mapping_for_each() -> None:
    """Each with a filter for its own."""
    text = json.dumps([record("a.Paid", user_id="string"), record("a.Failed", code="string")])

    drafts = draft_mappings("payments", parse_schema(text), ObservedValues(), NO_OPTIONS)

    assert [(one.name, one.filter) for one in drafts] == [
        ("payments-paid", {"$record": "a.Paid"}),
        ("payments-failed", {"$record": "a.Failed"}),
    ]


def test_values_that_are_no_records_have_no_draft() -> None:
    """There is nothing to name in them."""
    assert draft_mappings("t", parse_schema('"string"'), ObservedValues(), NO_OPTIONS) == ()


def test_names_are_made_of_words() -> None:
    """Of topics, records and symbols as they are in the wild."""
    assert slug("shop.Orders_v2") == "shop-orders-v2"
    assert subject_of("com.shop.PaymentRequestAvroModel") == "Payment Request"
    assert subject_of("server.shop.orders.Envelope") == "Order"
    assert subject_of("Event") == "Event"
    assert event_of("Order", "ORDER_PLACED") == "Order Placed"
    assert event_of("Order", "placed") == "Order Placed"


def test_names_alike_get_more_of_their_paths() -> None:
    """All of them, and numbers where paths end alike too."""
    paths = [["billing", "city"], ["shipping", "city"], ["status"], ["a-b"], ["a_b"]]
    assert name_targets("shop.Order", paths, [""] * 5) == [
        "billing_city",
        "shipping_city",
        "order_status",
        "a_b",
        "a_b_2",
    ]
