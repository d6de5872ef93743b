"""Settings from `BRIDGE_…` variables."""

from pathlib import Path

import pytest

from bridge.settings.codes import SettingsCode
from bridge.settings.sources.environment import (
    read_environment,
    read_key,
    variable_name,
    variables,
)


def given(environ: dict[str, str]) -> dict[str, object]:
    """The values by dotted path; the variables have no mistakes."""
    found = read_environment(environ)
    assert found.problems == []
    return {".".join(map(str, path)): value.value for path, value in found.given.items()}


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("BRIDGE_KAFKA_BOOTSTRAP_SERVERS", "kafka.bootstrap.servers"),
        ("BRIDGE_KAFKA_A__B_C", "kafka.a_b.c"),
        ("BRIDGE_KAFKA_A___B", "kafka.a-b"),
        ("BRIDGE_MAPPINGS_OFF", "mappings_off"),
        ("BRIDGE_FULLSTORY__MAX_IN_FLIGHT", "fullstory.max_in_flight"),
        ("BRIDGE_AVRO__REGISTRY__SSL_CA_LOCATION", "avro.registry.ssl.ca.location"),
        ("BRIDGE_DEAD_LETTERS__TOPIC", "dead_letters.topic"),
        ("BRIDGE_HALT__OF_LAST_MATCHES", "halt.of_last_matches"),
        ("BRIDGE_KAFKA_SASL_OAUTHBEARER_ASSERTION_FILE", "kafka.sasl.oauthbearer.assertion.file"),
    ],
)
def test_a_variable_sets_its_setting(variable: str, setting: str) -> None:
    """Confluent's rule for `kafka`, two underscores between levels elsewhere."""
    assert given({variable: "x"}) == {setting: "x"}


def test_variable_names_and_settings_match_in_both_directions() -> None:
    """The variable that a report names is the one that is read."""
    assert all(variable_name(path) == name for name, path in variables().items())
    assert variable_name(("kafka", "a_b.c-d")) == "BRIDGE_KAFKA_A__B_C___D"
    assert given({variable_name(("kafka", "a_b.c-d")): "x"}) == {"kafka.a_b.c-d": "x"}


def test_every_variable_can_be_a_file(tmp_path: Path) -> None:
    """Without the final newline, also a Windows one."""
    (tmp_path / "f").write_bytes(b"secret\r\n")
    file = str(tmp_path / "f")
    environ = {"BRIDGE_KAFKA_SASL_PASSWORD_FILE": file, "BRIDGE_PRIVACY__HASH_KEY_FILE": file}
    assert given(environ) == {"kafka.sasl.password": "secret", "privacy.hash_key": "secret"}


def test_an_empty_variable_counts_as_unset() -> None:
    """Docker Compose passes unset variables as empty ones."""
    assert given({"BRIDGE_LOG__LEVEL": "", "BRIDGE_NOTHING": ""}) == {}
    assert read_key({"FULLSTORY_API_KEY": ""}).given == {}


def test_variables_without_the_prefix_are_ignored() -> None:
    """The prefix is BRIDGE_ in upper case."""
    assert given({"BRIDGES": "x", "KAFKA_GROUP_ID": "x", "bridge_log__level": "x"}) == {}


def test_variables_set_by_kubernetes_are_not_mistakes() -> None:
    """Every pod has these if there is a Service named `bridge` or `bridge-kafka`."""
    environ = {
        "BRIDGE_PORT": "tcp://10.0.0.1:80",
        "BRIDGE_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "BRIDGE_PORT_8080_TCP_ADDR": "10.0.0.1",
        "BRIDGE_SERVICE_HOST": "10.0.0.1",
        "BRIDGE_SERVICE_PORT_HTTP": "8080",
        "BRIDGE_KAFKA_SERVICE_PORT": "8080",
    }
    assert given(environ) == {}


@pytest.mark.parametrize(
    "name", ["BRIDGE_STATUS_PORT", "BRIDGE_", "BRIDGE_KAFKA_", "BRIDGE_X_FILE"]
)
def test_an_unknown_variable_is_a_mistake(name: str) -> None:
    """A typo in a variable must not be ignored."""
    found = read_environment({name: "8080"})
    assert [problem.code for problem in found.problems] == [SettingsCode.UNKNOWN_VARIABLE]
    assert str(found.problems[0].place) == name


def test_an_unreadable_file_variable_makes_its_setting_invalid() -> None:
    """So that the setting is not also reported as missing."""
    found = read_environment({"BRIDGE_PRIVACY__HASH_KEY_FILE": "/nowhere/x"})
    assert [str(problem.place) for problem in found.problems] == ["BRIDGE_PRIVACY__HASH_KEY_FILE"]
    assert found.invalid == {("privacy", "hash_key")}
