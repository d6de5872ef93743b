"""`check`: everything that is wrong, in the documents' format, and the exit codes."""

import json
from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import MAPPING, SETTINGS, TESTS, run, write

SCHEMA = ("--schema", "payments=payment.avsc")
TAKEN = "taken for:\n  amount  decimal(9, 2)  payments\n"
GOOD = "nothing is wrong: 1 file, 1 mapping, 1 schema, 2 tests\n" + TAKEN


def test_files_that_are_right_are_counted(folder: Path) -> None:
    """One line, and 0."""
    write(folder)

    result = run("check", "m.yaml", *SCHEMA)

    assert result.output == GOOD
    assert result.exit_code == 0


def test_a_mapping_alone_is_checked_without_its_schema_and_that_is_said(folder: Path) -> None:
    """How to name one stands beside it."""
    write(folder)

    result = run("check", "m.yaml")

    assert result.output == (
        "nothing is wrong: 1 file, 1 mapping, 0 schemas, 0 tests\n"
        "not checked against a schema: payments (name one: --schema payments=FILE.avsc)\n"
    )
    assert result.exit_code == 0


def test_mistakes_of_form_schema_and_tests_are_told_at_once(folder: Path) -> None:
    """Two files: one with a mistake of form, one with a wrong path and a failing test."""
    wrong = MAPPING.replace("      id: id\n", "      id: idd\n")
    other = 'format: 1\nmappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
    write(folder, m_yaml=wrong, n_yaml=other)

    result = run("check", "m.yaml", "n.yaml", *SCHEMA)

    assert result.output == (
        "n.yaml:2:19: error M001: `Bad` is not a name of a mapping\n"
        '    mappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
        "                      ^\n"
        "    cure: use small letters, digits and dashes, as payment-failed\n"
        "n.yaml:2:42: error M003: `$kee` is no part of a record\n"
        '    mappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
        "                                             ^\n"
        "    cure: did you mean `$key`?\n"
        "m.yaml:4:11: warning T001: no test covers the mapping `payment-failed`\n"
        "      - name: payment-failed\n"
        "              ^\n"
        "    cure: add a test with `expect: [{mapping: payment-failed, …}]` under `tests:`\n"
        "m.yaml:12:11: error M030: the schema has no field `idd`\n"
        "          id: idd\n"
        "              ^\n"
        "    cure: did you mean `id`?\n"
        "3 errors and 1 warning in 2 files, 1 mapping, 1 schema, 0 tests\n"
    )
    assert result.exit_code == 1


def test_a_failing_test_is_an_error_at_its_name(folder: Path) -> None:
    """What it wants, what came, and where to see the rest."""
    write(folder, m_yaml=MAPPING + TESTS.replace("amount: 19.99, payer", "amount: 20, payer"))

    result = run("check", "m.yaml", *SCHEMA)

    assert result.output == (
        "m.yaml:16:11: error T002: the test `a failed payment is sent` fails:"
        " payment-failed properties.amount: wanted 20, got 19.99\n"
        "      - name: a failed payment is sent\n"
        "              ^\n"
        "    cure: `fullstory-bridge test` shows every difference\n"
        "1 error in 1 file, 1 mapping, 1 schema, 2 tests\n" + TAKEN
    )
    assert result.exit_code == 1


def test_a_warning_is_an_error_with_strict_only(folder: Path) -> None:
    """A mapping that nobody tests."""
    write(folder, m_yaml=MAPPING)

    assert run("check", "m.yaml").exit_code == 0
    strict = run("check", "m.yaml", "--strict")
    assert strict.exit_code == 1
    assert "error T001" in strict.output


def test_json_is_an_array_of_problems(folder: Path) -> None:
    """For tools: nothing else is written, and an array without anything in it is good."""
    write(folder, m_yaml=MAPPING)

    result = run("check", "m.yaml", "--json")

    assert json.loads(result.output) == [
        {
            "code": "T001",
            "severity": "warning",
            "message": "no test covers the mapping `payment-failed`",
            "file": "m.yaml",
            "line": 4,
            "column": 11,
            "fix": "add a test with `expect: [{mapping: payment-failed, …}]` under `tests:`",
        }
    ]
    write(folder)
    assert run("check", "m.yaml", "--json").output == "[]\n"


def test_mistakes_in_the_settings_do_not_hide_those_in_the_mappings(folder: Path) -> None:
    """bridge.yaml is found by itself; a password that is not set, a wrong word, a wrong path."""
    settings = SETTINGS + "log: {level: loud}\n"
    write(folder, m_yaml=MAPPING.replace("uid: {path: user,", "uid: {path: 0user,"))
    (folder / "bridge.yaml").write_text(settings)

    result = run("check")

    assert result.output.splitlines()[:12] == [
        "bridge.yaml:4:18: error S006: `BUS_PASSWORD` is not set",
        "      sasl.password: ${BUS_PASSWORD:?}",
        "                     ^",
        "    cure: set it or `BUS_PASSWORD_FILE`",
        (
            "bridge.yaml:10:14: error S004: `log.level` must be one of"
            " `debug`, `info`, `warning`, `error`"
        ),
        "    log: {level: loud}",
        "                 ^",
        "m.yaml:9:17: error M003: `0user` is not a path: it breaks off at its beginning",
        "        uid: {path: 0user, optional: true}",
        "                    ^",
        '    cure: paths look like a.b, items[0].sku, items[*].sku or meta["x.y"]',
        "3 errors in 1 file, 0 mappings, 0 schemas, 0 tests",
    ]
    assert result.exit_code == 1


def test_the_settings_schema_files_are_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`avro.topics.payments.schema`, without a flag."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    monkeypatch.setenv("BUS_PASSWORD", "x")

    result = run("check")

    assert result.output == GOOD


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "mappings_off: [payment-faild]",
            "mappings_off: there is no mapping `payment-faild`; did you mean `payment-failed`?",
        ),
        ("mappings_off: [payment-failed]", "mappings: all of them are off"),
    ],
)
def test_what_would_keep_run_from_starting_is_a_problem_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    """Found by what `run` itself does first."""
    write(folder)
    (folder / "bridge.yaml").write_text(f"{SETTINGS}{line}\n")
    monkeypatch.setenv("BUS_PASSWORD", "x")

    result = run("check")

    assert result.output.startswith(f"error C005: {said}")
    assert result.exit_code == 1


def test_yaml_that_cannot_be_read_is_a_problem_like_others(folder: Path) -> None:
    """At its place."""
    write(folder, m_yaml="format: 1\nformat: 1\n")

    result = run("check", "m.yaml")

    assert result.output.startswith("m.yaml:2:1: error D007: the key `format` stands twice")
    assert result.exit_code == 1


def test_bytes_that_are_no_text_are_a_problem_like_others(folder: Path) -> None:
    """A file in another encoding."""
    (folder / "m.yaml").write_bytes(b"owner: \xe4\n")

    result = run("check", "m.yaml")

    assert result.output.splitlines()[0] == "m.yaml: error C001: this is not UTF-8 text"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no mapping files: name them, or --config with a settings file"),
        (("m.yaml", "--schema", "payments"), "--schema wants topic=file.avsc, not payments"),
        (("m.yaml", "--schema", "payments=no.avsc"), "cannot read the schema file no.avsc"),
        (("no.yaml",), "File 'no.yaml' does not exist."),
        (("--explain", "M0012"), "there is no code M0012; did you mean `M012`?"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_right(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Nothing was checked."""
    write(folder)

    result = run("check", *arguments)

    assert result.exit_code == 2
    assert said in result.output


def test_explain_prints_the_paragraph_of_a_code() -> None:
    """In any case of letters, wrapped for a terminal."""
    result = run("check", "--explain", "m012")

    assert result.output == (
        "M012: `default` and `optional` contradict each other, or say nothing\n"
        "\n"
        "A value that can be missing says what happens then: `default` sends something in\n"
        "its place, `optional: true` leaves the property out. Both together contradict\n"
        "each other, and a default of null says nothing.\n"
    )
    assert result.exit_code == 0


def test_help_has_an_example() -> None:
    """Each of the commands of this folder."""
    for command in ("check", "test", "explain", "fields", "schema", "config"):
        assert f"Example: fullstory-bridge {command}" in run(command, "--help").output


def test_a_mapping_that_reads_the_dead_letters_is_told_at_its_topic(folder: Path) -> None:
    """Without the settings nobody can know."""
    write(folder)
    settings = SETTINGS.replace("  sasl.password: ${BUS_PASSWORD:?}\n", "")
    (folder / "bridge.yaml").write_text(settings + "dead_letters: {topic: payments}\n")

    result = run("check")

    assert result.output.startswith(
        "m.yaml:5:14: error M046: dead letters are written to `payments`, so no mapping may read"
        " it\n        topics: [payments]\n"
    )
    assert result.output.count("M046") == 1
    assert run("check", "m.yaml", "--schema", "payments=payment.avsc").exit_code == 1
    (folder / "bridge.yaml").write_text(
        settings + "dead_letters: {topic: payments}\nmappings_off: [payment-failed]\n"
    )
    assert "M046" not in run("check").output


def test_it_says_what_fields_with_a_logical_type_are_taken_for(folder: Path) -> None:
    """Wherever that stands; in the filter too, by topic, and only of fields that are read."""
    fields = [
        {"name": "user", "type": "string"},
        {"name": "beside", "type": "long", "logicalType": "timestamp-millis"},
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
    timestamp: beside
    properties: {at: connect, n: ignored}
"""
    write(folder, m_yaml=mapping, r_avsc=schema)
    flags = [flag for topic in "abcde" for flag in ("--schema", f"{topic}=r.avsc")]

    result = run("check", "m.yaml", *flags)

    assert result.output.partition("taken for:\n")[2] == (
        "  day      date              a, b, c and 2 more\n"
        "  beside   timestamp-millis  a, b, c and 2 more\n"
        "  connect  timestamp-micros  a, b, c and 2 more\n"
    )


def test_what_the_file_alone_warns_of_is_told_without_a_schema_too(folder: Path) -> None:
    """And once, however many schemas there are."""
    write(folder, m_yaml=MAPPING.replace("[payments]", "{pattern: payments}") + TESTS)

    alone = run("check", "m.yaml")
    with_schemas = run("check", "m.yaml", *SCHEMA, "--schema", "payments2=payment.avsc")

    assert alone.output.startswith("m.yaml:5:23: warning M028: without `^` the pattern matches")
    assert "1 warning in 1 file" in alone.output
    assert with_schemas.output.count("M028") == 1
    assert "1 warning in 1 file" in with_schemas.output
    assert run("check", "m.yaml", "--strict").exit_code == 1
