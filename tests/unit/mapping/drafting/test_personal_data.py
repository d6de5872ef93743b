"""Recognizing personal data by field name and by value format."""

import pytest

from bridge.mapping.drafting.personal_data import personal_by_name, value_format_of, words_of


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
def test_a_name_is_split_into_words(name: str, words: tuple[str, ...]) -> None:
    """For every naming convention."""
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("path", "what", "protection"),
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
        ("card.cvv", "secret", "omit"),
        ("access_token", "secret", "omit"),
        ("latitude", "location", "omit"),
        ("customerNote", "free text, which can contain anything", "omit"),
        ("gender", "sensitive", "omit"),
    ],
)
def test_personal_data_is_recognized_by_name(path: str, what: str, protection: str) -> None:
    """With the name of the parent if a name is too generic."""
    personal = personal_by_name(path.split("."), "shop.Payment")

    assert personal is not None
    assert (personal.what, personal.protection) == (what, protection)


@pytest.mark.parametrize(
    "path",
    [
        *("name", "product.name", "merchant_name", "card_type", "order_number"),
        *("recipient_id", "state", "country", "description", "telemetry", "shipping_cost"),
        *("message_id", "messageId"),
        *("parcel.weight", "age", "tax_amount", "vat_rate", "uid", "currency", "product_code"),
    ],
)
def test_other_names_are_not_personal(path: str) -> None:
    """A draft that hides everything is useless."""
    assert personal_by_name(path.split("."), "shop.Payment") is None


@pytest.mark.parametrize(
    "path",
    [
        *("phones", "addresses", "customer.names", "recipients", "emails", "comments"),
        *("licenseNumber", "drivers_license", "idNumber", "national_id", "taxId", "vatNumber"),
        *("contactNumber", "receiver_name", "remoteHost", "remote_user", "deviceId", "device.id"),
        *(
            "diagnosis",
            "salary",
            "hourly_rate",
            "maritalStatus",
            "message",
            "payload",
            "nationality",
            "userAgent",
        ),
        *("aadhaar", "curp", "personnummer", "cpf", "nino", "bsn", "pesel", "codicefiscale"),
        *("created_by", "created.actor", "modifiedBy"),
        *("employee.age", "patient_weight", "imsi", "adid"),
    ],
)
def test_plurals_documents_devices_and_sensitive_names_are_personal(path: str) -> None:
    """A person takes a doubtful field in on purpose."""
    assert personal_by_name(path.split("."), "shop.Payment") is not None


def test_a_name_at_the_root_is_personal_in_a_customer_record() -> None:
    """At the root, the record's name replaces the parent."""
    assert personal_by_name(["name"], "shop.Customer") is not None


@pytest.mark.parametrize(
    ("text", "format_"),
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
def test_a_text_has_a_format(text: str, format_: str | None) -> None:
    """Check digits are verified, so that order numbers are rarely taken as IBANs."""
    assert value_format_of(text) == format_
