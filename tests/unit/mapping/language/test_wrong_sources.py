"""Sources of a user, a time and a session that are invalid for any schema."""

import pytest

from tests.unit.mapping.project import Wrong, assert_reported

ROWS = [
    Wrong(
        "session: {url: {path: u, first_of: [u]}}",
        "int",
        "M004",
        "`path` and `first_of` cannot be combined",
        "{path: u",
    ),
    Wrong(
        "session: {url: {path: $kye}}", "int", "M003", "`$kye` is not a part of a record", "$kye"
    ),
    Wrong(
        "session: {url: {template: fixed}}",
        "int",
        "M020",
        "the template has no path: every record would have the same session",
        "fixed}",
    ),
    Wrong(
        "uid: {template: fixed}",
        "int",
        "M020",
        "the template has no path: every record would have the same user",
        "fixed}",
    ),
    Wrong(
        "timestamp: {template: '2026-01-01T00:00:00Z'}",
        "int",
        "M020",
        "the template has no path: every record would have the same time",
        "'2026",
    ),
    Wrong("timestamp: {format: unix}", "int", "M004", "the value has no source", "{format: unix}"),
    Wrong(
        "uid: {path: u, case: lower, hash: sha256}",
        "int",
        "M005",
        "`case` changes nothing: `hash` converts to lowercase first",
        "case: lower",
    ),
    Wrong(
        "uid: {path: u, hash: hmac-sha256}",
        "int",
        "M015",
        "`hmac-sha256` needs a key, but the settings have none",
        "hmac-sha256}",
    ),
    Wrong(
        "uid: {template: '{u}-{x.ssn}'}",
        "int",
        "M014",
        "the path `x.ssn` must never be sent in the clear (`ssn`)",
        "'{u}-{x.ssn}'",
    ),
    Wrong(
        "session: {device: {template: '{x.ssn}:{u}'}}",
        "int",
        "M014",
        "the path `x.ssn` must never be sent in the clear (`ssn`)",
        "'{x.ssn}:{u}'",
    ),
    Wrong(
        "session: {url: $headers.api_key}",
        "int",
        "M014",
        "the path `$headers.api_key` must never be sent in the clear (`*api_key*`)",
        "$headers.api_key",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_invalid_source_is_reported_with_code_message_and_place(row: Wrong) -> None:
    """One problem each, with the caret at the mistake."""
    assert_reported(row)
