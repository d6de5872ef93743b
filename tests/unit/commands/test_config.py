"""`config`: each setting with its value and source, and no secrets."""

from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import SETTINGS, run, write


def test_settings_are_shown_with_their_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, a variable in the file, an overriding variable, a default."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    monkeypatch.setenv("BUS_PASSWORD", "hunter2")
    monkeypatch.setenv("BRIDGE_LOG__LEVEL", "debug")

    result = run("config")

    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[:5] == [
        "SETTING VALUE FROM",
        "kafka.bootstrap.servers kafka:9092 bridge.yaml:2",
        "kafka.group.id bridge bridge.yaml:3",
        "kafka.sasl.password *** bridge.yaml:4 (BUS_PASSWORD)",
        "mappings [m.yaml] bridge.yaml:5",
    ]
    assert "log.level debug BRIDGE_LOG__LEVEL" in lines
    assert "fullstory.base_url ~ default" in lines
    assert "fullstory.allow_http false default" in lines
    assert "fullstory.key *** bridge.yaml:8" in lines
    assert result.exit_code == 0


def test_no_secret_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password, the FullStory key, the hash key."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)
    monkeypatch.setenv("BUS_PASSWORD", "hunter2")

    output = run("config").output

    assert "hunter2" not in output
    assert "na1.secret" not in output
    assert "pepper" not in output


def test_mistakes_are_reported_as_by_run(folder: Path) -> None:
    """Exit code 2, on standard error."""
    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS)

    result = run("config")

    assert result.exit_code == 2
    assert result.stderr.startswith("bridge.yaml:4:18: error S006: `BUS_PASSWORD` is not set")


def test_env_lists_every_variable_with_its_meaning() -> None:
    """FullStory's own variable first, the rule for `kafka` last."""
    lines = run("config", "--env").output.splitlines()

    assert lines[0].split() == ["VARIABLE", "SETTING", "MEANING"]
    assert lines[1].startswith("FULLSTORY_API_KEY ")
    level = next(line for line in lines if line.startswith("BRIDGE_LOG__LEVEL "))
    assert level.split(maxsplit=2)[1:] == [
        "log.level",
        "The lowest level that is written.",
    ]
    assert "BRIDGE_KAFKA_BOOTSTRAP_SERVERS" in lines[-2]
    shown = [line.split(maxsplit=2) for line in lines[1:] if line.startswith("BRIDGE_")]
    assert all(len(row) == 3 for row in shown), "a variable without a meaning"
