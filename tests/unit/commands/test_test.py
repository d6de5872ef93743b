"""`test`: a line per test, the differences of failed tests, and the totals."""

from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import MAPPING, SETTINGS, TESTS, run, write

SCHEMA = ("--schema", "payments=payment.avsc")


def test_passed_tests_are_listed_and_counted(folder: Path) -> None:
    """Piped output has no colors."""
    write(folder)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.output == (
        "PASS  a failed payment is sent\nPASS  a paid one is not\n2 passed, 0 failed\n"
    )
    assert result.exit_code == 0


def test_a_failed_test_shows_each_field_and_the_unmet_clause(folder: Path) -> None:
    """One test expects another amount and user, one an event that is not made."""
    wrong = TESTS.replace("uid: u-1", "uid: u-2").replace("{amount: 19.99", "{amount: 20, id: ~")
    wrong = wrong.replace("expect: []", "expect: [{mapping: payment-failed}]")
    write(folder, m_yaml=MAPPING + wrong)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      payment-failed\n"
        '        uid: wanted "u-2"\n'
        '             got    "u-1"\n'
        "        properties.amount: wanted 20\n"
        "                           got    19.99\n"
        "        properties.id: wanted nothing\n"
        '                       got    "p-1"\n'
        "FAIL  a paid one is not  (m.yaml:20)\n"
        "      payment-failed\n"
        "        wanted an event\n"
        "        got    nothing: its filter does not match\n"
        '               `status` must be "FAILED"; it is "PAID"\n'
        "0 passed, 2 failed\n"
    )
    assert result.exit_code == 1


def test_an_input_that_does_not_fit_the_schema_names_the_field(folder: Path) -> None:
    """A misspelled symbol, and all missing fields."""
    wrong = TESTS.replace("status: FAILED", "status: FAILD").replace("id: p-1, status: PAID, ", "")
    write(folder, m_yaml=MAPPING + wrong)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      the input does not fit payment.avsc: `status`: shop.Status has no such symbol"
        " (did you mean `FAILED`?)\n"
        "FAIL  a paid one is not  (m.yaml:20)\n"
        "      the input does not fit payment.avsc: missing 2 fields without a default: `id`,"
        " `status`\n"
        "0 passed, 2 failed\n"
    )
    assert result.exit_code == 1


def test_k_selects_tests_by_a_part_of_the_name(folder: Path) -> None:
    """Case-insensitive; a text that matches no test is a usage error."""
    write(folder)

    chosen = run("test", "m.yaml", "-k", "PAID", *SCHEMA)
    assert chosen.output == "PASS  a paid one is not\n1 passed, 0 failed\n"
    nothing = run("test", "m.yaml", "-k", "nowhere", *SCHEMA)
    assert nothing.exit_code == 2
    assert "no test name contains `nowhere`" in nothing.output


def test_without_a_schema_a_test_fails_with_the_fix(folder: Path) -> None:
    """Nothing was tested, so it must not pass."""
    write(folder)

    result = run("test", "m.yaml", "-k", "sent")

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      there is no schema for the topic payments:"
        " add one with --schema payments=FILE.avsc\n"
        "0 passed, 1 failed\n"
    )


def test_the_settings_are_used_without_their_secrets(
    folder: Path,
) -> None:
    """BUS_PASSWORD is not set: testing a mapping needs no password."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)

    assert run("test").output.splitlines()[-1] == "2 passed, 0 failed"


def test_an_invalid_mapping_file_is_reported_and_not_tested(folder: Path) -> None:
    """The problems go to standard error."""
    write(folder, m_yaml=MAPPING.replace("event:", "evnt:") + TESTS)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error M024: unknown key `evnt`" in result.stderr


def test_mappings_that_do_not_fit_the_schema_fail_their_tests(folder: Path) -> None:
    """With the reason and no traceback."""
    write(folder, m_yaml=MAPPING.replace("      id: id\n", "      id: idd\n") + TESTS)

    result = run("test", "m.yaml", "-k", "sent", *SCHEMA)

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      the mappings do not fit the schema: the schema has no field `idd`\n"
        "0 passed, 1 failed\n"
    )


def test_files_without_tests_are_reported(folder: Path) -> None:
    """Nothing failed."""
    write(folder, m_yaml=MAPPING)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.stdout == "0 passed, 0 failed\n"
    assert "no tests: add some" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ("", "uid: u-1"),
        ("2026-05-01T10:10:00Z", "uid: u-1"),
        ("2026-05-01T11:00:00Z", "skipped: late"),
        ("2026-05-09T11:00:00Z", "dead_letter: too_old"),
        ("2026-05-01T08:00:00Z", "dead_letter: in_the_future"),
    ],
)
def test_the_age_of_an_event_is_judged_at_the_time_of_the_record(
    folder: Path, moment: str, outcome: str
) -> None:
    """Without a time of the record, the event is as fresh as it can be, on any day."""
    mapping = MAPPING.replace("    event:", "    timestamp: id\n    late: skip\n    event:", 1)
    timestamp = f", timestamp: '{moment}'" if moment else ""
    value = "{id: '2026-05-01T10:00:00Z', status: FAILED, amount: 1, user: u-1}"
    test = (
        f"tests: [{{name: t, input: {{topic: payments, value: {value}{timestamp}}},"
        f" expect: [{{mapping: payment-failed, {outcome}}}]}}]\n"
    )
    write(folder, m_yaml=mapping + test)
    result = run("test", "m.yaml", "--schema", "payments=payment.avsc")
    assert result.output == "PASS  t\n1 passed, 0 failed\n"
