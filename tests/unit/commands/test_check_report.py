"""`check`: the list of logical types, and that no problem hides another."""

import json
from pathlib import Path

from tests.unit.commands.cli_fixture import MAPPING, TESTS, run, write

SCHEMA = ("--schema", "payments=payment.avsc")


def test_fields_with_a_logical_type_are_listed_with_their_type(folder: Path) -> None:
    """In all places, by topic, and only for fields that are read."""
    fields = [
        {"name": "user", "type": "string"},
        {"name": "direct", "type": "long", "logicalType": "timestamp-millis"},
        {
            "name": "connect",
            "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"},
        },
        {
            "name": "day",
            "type": ["null", {"type": "int", "logicalType": "date"}],
            "default": None,
        },
        {"name": "ignored", "type": {"type": "long", "logicalType": "date"}},
        {"name": "unread", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
    ]
    schema = json.dumps({"type": "record", "name": "R", "fields": fields})
    mapping = """\
format: 1
mappings:
  - name: m
    topics: [a, b, c, d, e]
    uid: user
    event: E
    filter: {day: [{above: 2026-01-01}]}
    timestamp: direct
    properties: {at: connect, n: ignored}
"""
    write(folder, m_yaml=mapping, r_avsc=schema)
    flags = [flag for topic in "abcde" for flag in ("--schema", f"{topic}=r.avsc")]

    result = run("check", "m.yaml", *flags)

    assert result.output.partition("read as:\n")[2] == (
        "  day      date              a, b, c and 2 more\n"
        "  direct   timestamp-millis  a, b, c and 2 more\n"
        "  connect  timestamp-micros  a, b, c and 2 more\n"
    )


def test_warnings_of_the_file_itself_need_no_schema(folder: Path) -> None:
    """They are reported once for any number of schemas."""
    write(folder, m_yaml=MAPPING.replace("[payments]", "{pattern: payments}") + TESTS)

    alone = run("check", "m.yaml")
    with_schemas = run("check", "m.yaml", *SCHEMA, "--schema", "payments2=payment.avsc")

    assert alone.output.startswith("m.yaml:5:23: warning M028: without `^` the pattern matches")
    assert "1 warning in 1 file" in alone.output
    assert with_schemas.output.count("M028") == 1
    assert "1 warning in 1 file" in with_schemas.output
    assert run("check", "m.yaml", "--strict").exit_code == 1


def test_an_invalid_property_hides_no_schema_problem(folder: Path) -> None:
    """One mapping does not hide another; tests of invalid mappings do not run."""
    wrong = MAPPING.replace("      id: id\n", "      id_str: id\n      amounts: amonut\n")
    other = "  - {name: Bad, topics: [payments], uid: id, event: E, properties: {x: y}}\n"
    write(folder, m_yaml=wrong + other + TESTS)

    result = run("check", "m.yaml", *SCHEMA)

    codes = [line.split()[2] for line in result.output.splitlines() if ": error " in line]
    assert codes == ["M007:", "M030:", "M001:"]
    assert "did you mean `amount`?" in result.output
    assert "3 errors in 1 file, 1 mapping, 1 schema, 2 tests" in result.output
