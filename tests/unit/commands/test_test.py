"""`test`: a line for each test, every difference of one that fails, and the sum."""

from pathlib import Path

from tests.unit.commands.cli_fixture import MAPPING, SETTINGS, TESTS, run, write

SCHEMA = ("--schema", "payments=payment.avsc")


def test_tests_that_pass_are_named_and_counted(folder: Path) -> None:
    """Piped output is plain."""
    write(folder)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.output == (
        "PASS  a failed payment is sent\nPASS  a paid one is not\n2 passed, 0 failed\n"
    )
    assert result.exit_code == 0


def test_a_failing_test_shows_each_field_and_the_clause_that_did_not_hold(folder: Path) -> None:
    """One test wants another amount and user, one wants an event where there is none."""
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


def test_an_input_that_does_not_fit_the_schema_says_where(folder: Path) -> None:
    """A misspelt symbol, and what is missing, all of it."""
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


def test_k_chooses_by_a_part_of_the_name(folder: Path) -> None:
    """In any case of letters; a part that no name has is wrong use, not a success."""
    write(folder)

    chosen = run("test", "m.yaml", "-k", "PAID", *SCHEMA)
    assert chosen.output == "PASS  a paid one is not\n1 passed, 0 failed\n"
    nothing = run("test", "m.yaml", "-k", "nowhere", *SCHEMA)
    assert nothing.exit_code == 2
    assert "no test has `nowhere` in its name" in nothing.output


def test_without_a_schema_the_test_says_how_to_name_one(folder: Path) -> None:
    """It fails: nothing was tested."""
    write(folder)

    result = run("test", "m.yaml", "-k", "sent")

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      there is no schema for the topic payments:"
        " name one with --schema payments=FILE.avsc\n"
        "0 passed, 1 failed\n"
    )


def test_the_settings_name_files_and_schemas_and_their_secrets_are_not_needed(
    folder: Path,
) -> None:
    """BUS_PASSWORD is not set: who tests a mapping has no password."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)

    assert run("test").output.splitlines()[-1] == "2 passed, 0 failed"


def test_a_mapping_file_with_mistakes_is_told_and_not_tested(folder: Path) -> None:
    """The mistakes go to standard error."""
    write(folder, m_yaml=MAPPING.replace("event:", "evnt:") + TESTS)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error M024: unknown key `evnt`" in result.stderr


def test_mappings_that_do_not_fit_the_schema_fail_their_tests(folder: Path) -> None:
    """With the reason; no traceback."""
    write(folder, m_yaml=MAPPING.replace("      id: id\n", "      id: idd\n") + TESTS)

    result = run("test", "m.yaml", "-k", "sent", *SCHEMA)

    assert result.output == (
        "FAIL  a failed payment is sent  (m.yaml:16)\n"
        "      the mappings do not fit the schema: the schema has no field `idd`\n"
        "0 passed, 1 failed\n"
    )


def test_files_without_tests_say_so(folder: Path) -> None:
    """Nothing failed."""
    write(folder, m_yaml=MAPPING)

    result = run("test", "m.yaml", *SCHEMA)

    assert result.stdout == "0 passed, 0 failed\n"
    assert "there are no tests" in result.stderr
    assert result.exit_code == 0
