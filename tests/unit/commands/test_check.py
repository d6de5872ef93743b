"""`check`: the report of all problems, and the exit codes."""

import json
from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import MAPPING, SETTINGS, TESTS, run, write

SCHEMA = ("--schema", "payments=payment.avsc")
READ_AS = "read as:\n  amount  decimal(9, 2)  payments\n"
NO_PROBLEMS = "no problems: 1 file, 1 mapping, 1 schema, 2 tests\n" + READ_AS


def test_valid_files_are_counted(folder: Path) -> None:
    """One line, and exit code 0."""
    write(folder)

    result = run("check", "m.yaml", *SCHEMA)

    assert result.output == NO_PROBLEMS
    assert result.exit_code == 0


def test_a_check_without_a_schema_says_so(folder: Path) -> None:
    """With the flag that adds one."""
    write(folder)

    result = run("check", "m.yaml")

    assert result.output == (
        "no problems: 1 file, 1 mapping, 0 schemas, 0 tests\n"
        "not checked against a schema: payments (add one with --schema payments=FILE.avsc)\n"
    )
    assert result.exit_code == 0


def test_mistakes_of_form_schema_and_tests_are_reported_together(folder: Path) -> None:
    """Two files: one with mistakes of form, one with a wrong path and no test."""
    wrong = MAPPING.replace("      id: id\n", "      id: idd\n")
    other = 'format: 1\nmappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
    write(folder, m_yaml=wrong, n_yaml=other)

    result = run("check", "m.yaml", "n.yaml", *SCHEMA)

    assert result.output == (
        "n.yaml:2:19: error M001: `Bad` is not a valid mapping name\n"
        '    mappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
        "                      ^\n"
        "    fix: use lowercase letters, digits and dashes, such as payment-failed\n"
        "n.yaml:2:42: error M003: `$kee` is not a part of a record\n"
        '    mappings: [{name: Bad, topics: [x], uid: "$kee", event: E}]\n'
        "                                             ^\n"
        "    fix: did you mean `$key`?\n"
        "m.yaml:4:11: warning T001: no test covers the mapping `payment-failed`\n"
        "      - name: payment-failed\n"
        "              ^\n"
        "    fix: add a test with `expect: [{mapping: payment-failed, …}]` under `tests:`\n"
        "m.yaml:12:11: error M030: the schema has no field `idd`\n"
        "          id: idd\n"
        "              ^\n"
        "    fix: did you mean `id`?\n"
        "3 errors and 1 warning in 2 files, 1 mapping, 1 schema, 0 tests\n"
    )
    assert result.exit_code == 1


def test_a_failing_test_is_an_error_at_its_name(folder: Path) -> None:
    """With the expected and the actual value, and how to see the rest."""
    write(folder, m_yaml=MAPPING + TESTS.replace("amount: 19.99, payer", "amount: 20, payer"))

    result = run("check", "m.yaml", *SCHEMA)

    assert result.output == (
        "m.yaml:16:11: error T002: the test `a failed payment is sent` fails:"
        " payment-failed properties.amount: wanted 20, got 19.99\n"
        "      - name: a failed payment is sent\n"
        "              ^\n"
        "    fix: `fullstory-bridge test` shows every difference\n"
        "1 error in 1 file, 1 mapping, 1 schema, 2 tests\n" + READ_AS
    )
    assert result.exit_code == 1


def test_a_warning_is_an_error_with_strict_only(folder: Path) -> None:
    """A mapping without a test."""
    write(folder, m_yaml=MAPPING)

    assert run("check", "m.yaml").exit_code == 0
    strict = run("check", "m.yaml", "--strict")
    assert strict.exit_code == 1
    assert "error T001" in strict.output


def test_json_is_an_array_of_problems(folder: Path) -> None:
    """For tools: there is no other output; an empty array means no problems."""
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
    """An unset password and a wrong value in bridge.yaml, a wrong path in a mapping."""
    settings = SETTINGS + "log: {level: loud}\n"
    write(folder, m_yaml=MAPPING.replace("uid: {path: user,", "uid: {path: 0user,"))
    (folder / "bridge.yaml").write_text(settings)

    result = run("check")

    assert result.output.splitlines()[:12] == [
        "bridge.yaml:4:18: error S006: `BUS_PASSWORD` is not set",
        "      sasl.password: ${BUS_PASSWORD:?}",
        "                     ^",
        "    fix: set it or `BUS_PASSWORD_FILE`",
        (
            "bridge.yaml:10:14: error S004: `log.level` must be one of"
            " `debug`, `info`, `warning`, `error`"
        ),
        "    log: {level: loud}",
        "                 ^",
        "m.yaml:9:17: error M003: `0user` is not a valid path: syntax error at the start",
        "        uid: {path: 0user, optional: true}",
        "                    ^",
        '    fix: paths look like a.b, items[0].sku, items[*].sku or meta["x.y"]',
        "3 errors in 1 file, 0 mappings, 0 schemas, 0 tests",
    ]
    assert result.exit_code == 1


def test_the_settings_schema_files_are_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`avro.topics.payments.schema`, without a flag."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    monkeypatch.setenv("BUS_PASSWORD", "x")

    result = run("check")

    assert result.output == NO_PROBLEMS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "mappings_off: [payment-faild]",
            "mappings_off: there is no mapping `payment-faild`; did you mean `payment-failed`?",
        ),
        ("mappings_off: [payment-failed]", "mappings: all of them are off"),
    ],
)
def test_a_reason_for_run_not_to_start_is_a_problem_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    """Found by the startup code of `run`."""
    write(folder)
    (folder / "bridge.yaml").write_text(f"{SETTINGS}{line}\n")
    monkeypatch.setenv("BUS_PASSWORD", "x")

    result = run("check")

    assert result.output.startswith(f"error C005: {message}")
    assert result.exit_code == 1


def test_invalid_yaml_is_a_problem(folder: Path) -> None:
    """At its position."""
    write(folder, m_yaml="format: 1\nformat: 1\n")

    result = run("check", "m.yaml")

    assert result.output.startswith("m.yaml:2:1: error D007: duplicate key `format`")
    assert result.exit_code == 1


def test_a_file_that_is_not_utf_8_is_a_problem(folder: Path) -> None:
    """A file in another encoding."""
    (folder / "m.yaml").write_bytes(b"owner: \xe4\n")

    result = run("check", "m.yaml")

    assert result.output.splitlines()[0] == "m.yaml: error C001: this is not UTF-8 text"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no mapping files: name them, or use --config"),
        (("m.yaml", "--schema", "payments"), "--schema expects topic=file.avsc, not payments"),
        (("m.yaml", "--schema", "payments=no.avsc"), "cannot read the schema file no.avsc"),
        (("no.yaml",), "File 'no.yaml' does not exist."),
        (("--explain", "M0012"), "there is no code M0012; did you mean `M012`?"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_fix(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Nothing is checked."""
    write(folder)

    result = run("check", *arguments)

    assert result.exit_code == 2
    assert message in result.output


def test_explain_prints_the_explanation_of_a_code() -> None:
    """Case-insensitive, wrapped for a terminal."""
    result = run("check", "--explain", "m012")

    assert result.output == (
        "M012: `default` and `optional` contradict each other, or have no meaning\n"
        "\n"
        "For a value that can be missing, the mapping says what happens then: `default`\n"
        "sends a replacement, `optional: true` leaves the property out. Using both is a\n"
        "contradiction, and a default of null has no meaning.\n"
    )
    assert result.exit_code == 0


def test_help_has_an_example() -> None:
    """For every command tested in this folder."""
    for command in ("check", "test", "explain", "fields", "schema", "config"):
        assert f"Example: fullstory-bridge {command}" in run(command, "--help").output


def test_a_mapping_that_reads_dead_letters_is_reported_at_its_topic(folder: Path) -> None:
    """Only the settings name the dead-letter topic."""
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


@pytest.mark.parametrize(
    ("condition", "caret", "fix"),
    [
        ("x.Nope", "x.Nope", ""),
        ("Payment", "Payment", "    fix: did you mean `shop.Payment`?\n"),
        ("[shop.Payment, shop.Paymen]", "shop.Paymen", "    fix: did you mean `shop.Payment`?\n"),
    ],
)
def test_a_filter_on_a_record_that_no_schema_has_is_a_warning(
    folder: Path, condition: str, caret: str, fix: str
) -> None:
    """It never matches, unless the topic has schemas that the check does not see."""
    write(
        folder,
        m_yaml=MAPPING.replace("    filter:\n", f"    filter:\n      $record: {condition}\n"),
    )
    result = run("check", "m.yaml", *SCHEMA)
    assert f"warning M036: no schema of payments has the record `{caret}`" in result.output
    assert fix in result.output
    assert result.exit_code == 0
    assert run("check", "--strict", "m.yaml", *SCHEMA).exit_code == 1


def test_a_filter_on_the_record_of_the_schema_is_fine(folder: Path) -> None:
    """Also if it excludes it."""
    for condition in ("shop.Payment", "[{anything_but: [x.Other]}]", "[{prefix: shop.}]"):
        write(
            folder,
            m_yaml=MAPPING.replace("    filter:\n", f"    filter:\n      $record: {condition}\n"),
        )
        assert "M036" not in run("check", "m.yaml", *SCHEMA).output
