"""What is taken for personal data, by name and by look, and what is not."""

import pytest

from bridge.mapping.drafting.personal_data import look_of, personal_by_name, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("orderId", ("order", "id")),
        ("order_id", ("order", "id")),
        ("ORDER-ID", ("order", "id")),
        ("customerIPAddress", ("customer", "ip", "address")),
        ("line1", ("line1",)),
        ("", ()),
    ],
)
def test_a_name_has_words(name: str, words: tuple[str, ...]) -> None:
    """However its author parts them."""
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("path", "what", "guard"),
    [
        ("customer.email", "e-mail address", "hash"),
        ("buyerMail", "e-mail address", "hash"),
        ("customer.phone_number", "phone number", "hash"),
        ("method.card.number", "card number", "last4"),
        ("cardNumber", "card number", "last4"),
        ("pan", "card number", "last4"),
        ("iban", "bank account", "hash"),
        ("accountNumber", "bank account", "hash"),
        ("client_ip", "IP address", "hash"),
        ("ipAddress", "IP address", "hash"),
        ("dateOfBirth", "date of birth", "mask"),
        ("dob", "date of birth", "mask"),
        ("firstName", "person's name", "mask"),
        ("customer.name", "person's name", "mask"),
        ("shipping.recipient", "person's name", "mask"),
        ("address.street", "address", "mask"),
        ("postalCode", "address", "mask"),
        ("card.cvv", "secret", "leave"),
        ("access_token", "secret", "leave"),
        ("latitude", "place on the map", "leave"),
        ("customerNote", "free text, which can hold anything", "leave"),
        ("gender", "sensitive", "leave"),
    ],
)
def test_personal_data_is_known_by_name(path: str, what: str, guard: str) -> None:
    """With what stands above a name that says little itself."""
    found = personal_by_name(path.split("."), "shop.Payment")

    assert found is not None
    assert (found.what, found.guard) == (what, guard)


@pytest.mark.parametrize(
    "path",
    [
        *("name", "product.name", "merchant_name", "card_type", "order_number"),
        *("recipient_id", "state", "country", "description", "telemetry", "shipping_cost"),
    ],
)
def test_other_names_are_left_alone(path: str) -> None:
    """A draft that hides everything helps nobody."""
    assert personal_by_name(path.split("."), "shop.Payment") is None


def test_the_name_of_a_customer_is_one_in_a_record_of_customers() -> None:
    """At the root the record's own name stands above."""
    assert personal_by_name(["name"], "shop.Customer") is not None


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("a.b@example.com", "email"),
        ("write to a.b@example.com, please", "email"),
        ("+49 30 1234567", "phone"),
        ("(555) 010-1234", "phone"),
        ("4111 1111 1111 1111", "card"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("192.0.2.17", "ip"),
        ("2001:db8::1", "ip"),
        ("00000000-0000-4000-8000-000000000001", "uuid"),
        ("2026-01-02T03:04:05+01:00", "time"),
        ("2026-01-02T03:04:05", "local_time"),
        ("DE89 3704 0044 0532 0130 01", None),
        ("1999", None),
        ("12:30", None),
        ("ord-4711", None),
        ("2026-01-02", None),
    ],
)
def test_a_text_has_a_look(text: str, look: str | None) -> None:
    """Checked digits included: an order's number is rarely an IBAN."""
    assert look_of(text) == look
