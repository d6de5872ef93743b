"""`explain`: the request that would be sent, or the unmet clause, skip or reject."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.avro.fingerprint import fingerprint
from bridge.schema.parser import parse_schema
from tests.unit.commands.cli_fixture import FAILED, MAPPING, SCHEMA, SETTINGS, run, write

JSON_MAPPING = """\
format: 1
mappings:
  - name: m
    topics: [payments]
    parse: {id: json}
    filter: {id.kind: a}
    uid: {path: user, optional: true}
    event: E
"""
DAY_S = 86_400
FILES = ("--mapping", "m.yaml", "--schema", "payments=payment.avsc")


def at(seconds: int) -> str:
    """A time so many seconds from now."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:00.000Z")


def test_a_matching_record_shows_the_request_without_the_api_key(folder: Path) -> None:
    """The formatted body; the record is JSON on standard input, for the only topic."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)

    moment = at(-60)

    result = run("explain", stdin=json.dumps({"value": FAILED, "timestamp": moment}))

    assert result.output == (
        "payment-failed: would be sent\n"
        "  POST https://api.fullstory.com/users/v1/individual/u-1/customevent\n"
        "  Authorization: Basic ***\n"
        "  Content-Type: application/json\n"
        "\n"
        "  {\n"
        '    "event": {\n'
        '      "event_name": "Payment Failed",\n'
        '      "event_data": {\n'
        '        "id_str": "p-1",\n'
        '        "amount_real": 19.99\n'
        "      },\n"
        f'      "timestamp": "{moment}",\n'
        '      "use_recent_session": true\n'
        "    }\n"
        "  }\n"
    )
    assert result.exit_code == 0


def test_a_request_of_v2_shows_its_own_headers(folder: Path) -> None:
    """The source of an integration is part of what is sent."""
    write(folder, m_yaml=MAPPING.replace("    event:", "    integration: kafka\n    event:"))
    v2 = "fullstory: {key: na1.secret, api: v2, unknown_user: create}"
    (folder / "bridge.yaml").write_text(SETTINGS.replace("fullstory: {key: na1.secret}", v2))

    lines = run("explain", stdin=json.dumps(FAILED)).output.splitlines()

    assert lines[1] == "  POST https://api.fullstory.com/v2/events"
    assert lines[4].startswith("  Idempotency-Key: (hash of")
    assert lines[5:7] == ["  Integration-Source: kafka", ""]


def test_an_unmet_filter_shows_path_condition_and_type(folder: Path) -> None:
    """Values of the record are shown only with --show-values."""
    write(folder)
    (folder / "paid.json").write_text(json.dumps(FAILED | {"status": "PAID", "amount": 0}))

    result = run("explain", "paid.json", *FILES)
    shown = run("explain", "paid.json", "--show-values", *FILES)

    assert result.output == (
        "payment-failed: no event: its filter does not match\n"
        '  `status` must be "FAILED"; it is another enum shop.Status\n'
        "  `amount` must be above 0; it is another decimal(9, 2)\n"
    )
    assert shown.output == (
        "payment-failed: no event: its filter does not match\n"
        '  `status` must be "FAILED"; it is "PAID"\n'
        "  `amount` must be above 0; it is 0.00\n"
    )


def test_a_condition_on_json_is_explained(folder: Path) -> None:
    """With its type, and with its value only on demand."""
    write(folder, m_yaml=JSON_MAPPING)
    (folder / "a.json").write_text(json.dumps(FAILED | {"id": '{"kind": "b"}'}))

    result = run("explain", "a.json", *FILES)
    shown = run("explain", "a.json", "--show-values", *FILES)

    line = '  `id.kind` must be "a"; it is {}\n'
    assert result.output.endswith(line.format("another text in JSON"))
    assert shown.output.endswith(line.format('"b"'))


def test_any_and_not_are_explained_part_by_part(folder: Path) -> None:
    """No alternative holds, and one condition must not hold."""
    condition = (
        "      any:\n"
        "        - email: [{prefix: a}, {exists: false}]\n"
        "        - id: [{anything_but: [p-1]}]\n"
        "          $topic: payments\n"
        "      not: {status: [FAILED, PAID], amount: [{at_least: 1, below: 20}]}\n"
    )
    mapping = MAPPING.replace("      status: FAILED\n      amount: [{above: 0}]\n", condition)
    write(folder, m_yaml=mapping)

    result = run("explain", *FILES, stdin=json.dumps(FAILED | {"email": "x@y.z"}))

    assert result.output == (
        "payment-failed: no event: its filter does not match\n"
        "  none of these conditions holds:\n"
        '  1. `email` must begin with "a" or be missing; it is another string\n'
        '  2. `id` must be anything but "p-1"; it is another string\n'
        "  this condition holds, but must not:\n"
        '    `status` must be "FAILED" or "PAID"\n'
        "    `amount` must be at least 1 and below 20\n"
    )


@pytest.mark.parametrize(
    ("change", "value", "line"),
    [
        ({}, {"user": "guest"}, "payment-failed: skipped: no_uid\n"),
        (
            {", optional: true}\n    event": "}\n    event", "path: user": "path: id"},
            {"id": "guest"},
            "payment-failed: dead letter: missing_uid: `id` has no user id\n",
        ),
        (
            {"    topics: [payments]\n": "    topics: [payments]\n    mode: off\n"},
            {},
            "payment-failed: off: set by `mode` or `mappings_off`\n",
        ),
    ],
)
def test_a_skip_a_reject_and_an_off_mapping_give_the_reason(
    folder: Path, change: dict[str, str], value: dict[str, str], line: str
) -> None:
    """One line each."""
    mapping = MAPPING
    for old, new in change.items():
        mapping = mapping.replace(old, new)
    write(folder, m_yaml=mapping)

    assert run("explain", *FILES, stdin=json.dumps(FAILED | value)).output == line


def test_an_envelope_has_key_headers_and_topic(folder: Path) -> None:
    """The uid comes from a header, the time from the record."""
    mapping = MAPPING.replace("path: user,", "first_of: [$headers.x-user, $key],")
    write(folder, m_yaml=mapping)
    moment = at(-60)
    envelope = {
        "topic": "payments",
        "key": "k",
        "headers": {"x-user": "u-9"},
        "timestamp": moment,
        "value": FAILED,
    }

    result = run("explain", *FILES, stdin=json.dumps(envelope))

    assert "POST /users/v1/individual/u-9/customevent" in result.output
    assert f'"timestamp": "{moment}"' in result.output


@pytest.mark.parametrize(
    ("timestamp", "late", "verdict"),
    [
        ("1999-12-31T00:00:00Z", "send", "dead letter if it came now: before_2000: "),
        ("2099-01-01T00:00:00Z", "send", "dead letter if it came now: in_the_future: "),
        (-26 * DAY_S, "send", "dead letter if it came now: too_old: "),
        (-DAY_S, "send", "would be sent\n"),
        (-DAY_S, "skip", "skipped if it came now: late\n"),
        (-DAY_S, "dead_letter", "dead letter if it came now: late: "),
        (
            -DAY_S,
            "send_without_session",
            "would be sent if it came now, without a session, because it is late\n",
        ),
        (-60, "skip", "would be sent\n"),
    ],
)
def test_the_age_of_an_event_is_judged_as_if_it_came_now(
    folder: Path, timestamp: str | int, late: str, verdict: str
) -> None:
    """As `run` judges it; the request is shown all the same, to see what the mapping makes."""
    write(folder, m_yaml=MAPPING.replace("    event:", f"    late: {late}\n    event:", 1))
    given = timestamp if isinstance(timestamp, str) else at(timestamp)

    result = run("explain", *FILES, stdin=json.dumps({"value": FAILED, "timestamp": given}))

    assert result.output.startswith(f"payment-failed: {verdict}")
    assert "POST /users/v1/individual/u-1/customevent" in result.output
    assert ("within the age limits" in result.output) is ("would be sent" not in verdict)


def test_unframed_bytes_are_decoded_with_the_schema_of_the_topic(folder: Path) -> None:
    """The settings have `wire_format: raw` for the topic."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    # id "p-1", status 1, amount 19.99, user "u-1", email null
    (folder / "record.avro").write_bytes(b"\x06p-1\x02\x04\x07\xcf\x02\x06u-1\x00")

    result = run("explain", "record.avro")

    assert result.output.startswith("payment-failed: would be sent\n")


def test_single_objects_are_decoded_with_the_schema_of_their_fingerprint(
    folder: Path,
) -> None:
    """One of two files; an unknown fingerprint is reported."""
    write(folder, int_avsc='"int"')
    settings = SETTINGS.replace(
        "wire_format: raw, schema: payment.avsc",
        "wire_format: single_object, schema: [int.avsc, payment.avsc]",
    )
    (folder / "bridge.yaml").write_text(settings)
    body = b"\x06p-1\x02\x04\x07\xcf\x02\x06u-1\x00"
    print_ = fingerprint(parse_schema(json.dumps(SCHEMA)))
    (folder / "record.avro").write_bytes(b"\xc3\x01" + print_ + body)
    (folder / "other.avro").write_bytes(b"\xc3\x01" + bytes(7) + b"\x01" + body)

    result = run("explain", "record.avro")
    other = run("explain", "other.avro")

    assert result.output.startswith("payment-failed: would be sent\n")
    assert other.output.startswith(
        "the record cannot be decoded: unknown_fingerprint: no schema file has the fingerprint"
        " 0100000000000000"
    )
    assert other.exit_code == 1


def test_undecodable_bytes_are_reported_with_the_position(folder: Path) -> None:
    """As in a dead letter."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    (folder / "record.avro").write_bytes(b"\x06p-1\xff\xff")

    result = run("explain", "record.avro")

    assert result.output.startswith("the record cannot be decoded: ")
    assert result.exit_code == 1


def test_a_value_that_does_not_fit_the_schema_is_not_shown(folder: Path) -> None:
    """Only the path and the types."""
    write(folder)

    result = run("explain", *FILES, stdin=json.dumps(FAILED | {"amount": "secret"}))

    assert result.output == (
        "the input does not fit payment.avsc: `amount`: the text is not a decimal number\n"
    )
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("no.json",), "", "there is no file no.json"),
        ((), "{", "the record is neither JSON nor a framed Avro value"),
        ((), b"\x00\x00\x00\x00\x01x", "set `avro.registry.url`"),
        ((), '{"id": "a\\ud800b"}', "half of a surrogate pair"),
        ((), '{"value": {}, "key": "\\udc00"}', "half of a surrogate pair"),
        ((), '{"value": {}, "partition": "x"}', "`partition` must be a whole number"),
        ((), '{"value": {}, "offset": -1}', "`offset` must be a whole number"),
    ],
)
def test_wrong_usage_exits_with_2(
    folder: Path, arguments: tuple[str, ...], stdin: str | bytes, message: str
) -> None:
    """And names what is missing."""
    write(folder)

    result = run("explain", *arguments, *FILES, stdin=stdin)

    assert result.exit_code == 2
    assert message in result.output


def test_a_topic_that_no_mapping_reads_is_reported(folder: Path) -> None:
    """With the topics that are read."""
    write(folder)
    schema = ("--schema", "orders=payment.avsc")

    result = run("explain", "--topic", "orders", *FILES, *schema, stdin=json.dumps(FAILED))

    assert result.output == "no mapping reads the topic orders; they read: payments\n"
