"""Without a settings file, every command sees the settings in the environment, as `run` does."""

from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import MAPPING, TESTS, run, write

NEVER_SEND = "BRIDGE_PRIVACY__NEVER_SEND"
RUN = {
    "BRIDGE_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
    "BRIDGE_KAFKA_GROUP_ID": "g",
    "BRIDGE_MAPPINGS": "m.yaml",
    "BRIDGE_AVRO__REGISTRY__URL": "http://localhost:1",
    "BRIDGE_PRIVACY__HASH_KEY": "made-up",
    "FULLSTORY_API_KEY": "na1.made-up",
}
BY_ID = MAPPING.replace("    event:", "    session: {id: user, optional: true}\n    event:", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "m.yaml"),
        ("test", "m.yaml"),
        ("fields", "m.yaml"),
        ("explain", "--mapping", "m.yaml", "--topic", "payments", "record.json"),
    ],
)
def test_a_glob_in_a_variable_applies_in_each_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """`run` would refuse the mapping."""
    write(folder, m_yaml=MAPPING + TESTS)
    (folder / "record.json").write_text("{}")
    monkeypatch.setenv(NEVER_SEND, "amou*")
    result = run(*arguments)
    assert "M014" in result.output
    assert result.exit_code == 1


def test_the_api_in_a_variable_decides_which_session_is_allowed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API v1 knows no session by id."""
    write(folder, m_yaml=BY_ID)
    assert "API v1" in run("check", "m.yaml").output
    monkeypatch.setenv("BRIDGE_FULLSTORY__API", "v2")
    monkeypatch.setenv("BRIDGE_FULLSTORY__UNKNOWN_USER", "create")
    assert run("check", "m.yaml").exit_code == 0


def test_a_wrong_variable_is_reported_with_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is only missing is not a mistake, because no command connects with it."""
    write(folder)
    monkeypatch.setenv("BRIDGE_FULLSTORY__API", "v9")
    result = run("check", "m.yaml")
    assert "BRIDGE_FULLSTORY__API" in result.output
    assert "kafka" not in result.output
    assert result.exit_code == 1


def test_complete_variables_name_the_mapping_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without a settings file."""
    write(folder)
    for name, value in RUN.items():
        monkeypatch.setenv(name, value)
    result = run("check", "--schema", "payments=payment.avsc")
    assert "no problems: 1 file, 1 mapping, 1 schema, 2 tests" in result.output


def test_a_draft_honors_a_glob_in_a_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a schema and without a settings file."""
    write(folder)
    draft = ("init", "--topic", "payments", "--schema", "payment.avsc")
    plain = "      amount: amount\n"
    assert plain in run(*draft).output
    monkeypatch.setenv(NEVER_SEND, "amou*")
    result = run(*draft)
    assert plain not in result.output
    assert result.exit_code == 0


def test_a_draft_names_its_topic_as_the_variables_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mapping files know the topic by its alias."""
    write(folder)
    monkeypatch.setenv("BRIDGE_TOPIC_NAMES", "payments=prod.payments")
    draft = ("init", "--topic", "prod.payments", "--schema", "payment.avsc")
    assert "topics: [payments]" in run(*draft).output
