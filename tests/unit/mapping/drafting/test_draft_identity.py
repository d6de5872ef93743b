"""Drafts: the user, the name and the time of the event."""

import json
from typing import Any

import pytest

from bridge.mapping.drafting.draft import draft_mappings
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.language.options import NO_OPTIONS
from bridge.schema.parser import parse_schema
from tests.unit.mapping.drafting.drafts import draft, record
from tests.unit.mapping.project import DATE, ENUM, LOCAL, MILLIS, array, nullable

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID_OUT"]}


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
    *(
        ({"id": "string", name: "string"}, name)
        for name in ("cust_id", "player_id", "partyId", "userGuid", "userIdentifier", "profileId")
    ),
]


@pytest.mark.parametrize(("types", "uid"), USERS)
def test_the_user_id_is_guessed_from_names(types: dict[str, Any], uid: Any) -> None:
    """Optional if it is nullable; the key if no field looks like a user id."""
    assert draft(**types).uid.form == uid


@pytest.mark.parametrize(
    ("name", "uid"),
    [("shop.Customer", "id"), ("shop.UserCreatedEvent", "id"), ("shop.CustomerOrder", None)],
)
def test_the_id_of_a_person_is_a_user_id(name: str, uid: str | None) -> None:
    """But not the id of a thing that belongs to one."""
    form = draft(name=name, id="string").uid.form
    assert form == (uid or {"path": "$key", "optional": True})


def test_an_account_may_belong_to_a_company() -> None:
    """So a user comes first, and the draft asks."""
    assert draft(account_id="string", player_id="string").uid.form == "player_id"
    assert "CHECK THIS: it can be the id of a company" in draft(AccountId="string").uid.why


def test_other_possible_user_ids_are_listed() -> None:
    """The user knows which one the website uses."""
    assert "alternatives: customer_id" in draft(user_id="long", customer_id="string").uid.why


def test_the_share_of_records_without_a_user_is_shown() -> None:
    """Records of guests are normal, but their share is useful to know."""
    result = draft({"user_id": None}, {"user_id": "u"}, user_id=nullable("string"))
    assert "null in 1 of 2 records" in result.uid.why


def test_a_binary_key_is_not_the_user_id() -> None:
    """An optional header is proposed instead."""
    observed = ObservedValues()
    observed.note({"id": "x"}, b"\x00\x00\x00\x00\x01\x02")
    schema = parse_schema(json.dumps(record("R", id="string")))

    (result,) = draft_mappings("t", schema, observed, NO_OPTIONS)

    assert result.uid.form == {"path": "$headers.x-user-id", "optional": True}


def test_an_enum_of_states_names_the_event() -> None:
    """With a table of all its symbols."""
    form = draft(status=STATUS, color=ENUM).event.form
    assert form == {"path": "status", "values": {"NEW": "Order New", "PAID_OUT": "Order Paid Out"}}


def test_without_such_an_enum_the_record_names_the_event() -> None:
    """Nullable enums and enums with other names do not count."""
    result = draft(status=nullable(STATUS), color=ENUM, name="shop.OrderPlacedEvent")
    assert result.event.form == "Order Placed"


def test_a_sensitive_status_does_not_name_the_event() -> None:
    """The name of an event is in clear text."""
    status = {"type": "enum", "name": "M", "symbols": ["MARRIED", "SINGLE"]}
    assert draft(marital_status=status, name="shop.Order").event.form == "Order"


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
    ({"expiryDate": MILLIS, "due_at": MILLIS, "deliveryDate": MILLIS}, {}, "$timestamp"),
    ({"expiryDate": MILLIS, "created": MILLIS}, {}, "created"),
    (
        {"created": "long"},
        {"created": 1_767_323_045_000},
        {"path": "created", "format": "unix_ms"},
    ),
]


@pytest.mark.parametrize(("types", "observed_value", "timestamp"), TIMES)
def test_the_time_is_guessed_from_type_name_and_values(
    types: dict[str, Any], observed_value: dict[str, Any], timestamp: Any
) -> None:
    """A number or text is a time only if its name or its values suggest it."""
    assert draft(*([observed_value] if observed_value else []), **types).timestamp.form == timestamp


def test_a_number_that_may_be_a_time_is_named_with_a_format() -> None:
    """A long can hold any unit, so a person decides."""
    why = draft(updated="long", created="long").timestamp.why
    assert "use {path: created, format: unix_ms}" in why


@pytest.mark.parametrize("type_", ["int", "double"])
def test_a_time_in_an_int_or_a_double_is_in_seconds(type_: str) -> None:
    """An int is too small for milliseconds, and a double has a fraction."""
    timestamp = draft(updated=type_, created=type_, amount="double").timestamp
    assert (timestamp.form, timestamp.why) == (
        {"path": "created", "format": "unix"},
        "by name and type",
    )
    assert draft(amount="double", count="int").timestamp.form == "$timestamp"


@pytest.mark.parametrize("items", ["int", "double", "long"])
def test_a_list_is_not_the_time_of_an_event(items: str) -> None:
    """Whatever its name: an event has one time."""
    assert draft(id="string", timestamp=array(items)).timestamp.form == "$timestamp"
