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
    """The values by dotted path; the variables hold no mistake."""
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
def test_a_variable_is_a_setting(variable: str, setting: str) -> None:
    """Confluent's rule below `kafka`, two underscores a level elsewhere."""
    assert given({variable: "x"}) == {setting: "x"}


def test_names_go_both_ways() -> None:
    """What a report says to set is what is read."""
    assert all(variable_name(path) == name for name, path in variables().items())
    assert variable_name(("kafka", "a_b.c-d")) == "BRIDGE_KAFKA_A__B_C___D"
    assert given({variable_name(("kafka", "a_b.c-d")): "x"}) == {"kafka.a_b.c-d": "x"}


def test_every_variable_may_be_a_file(tmp_path: Path) -> None:
    """With one final newline less, in Windows' form too."""
    (tmp_path / "f").write_bytes(b"secret\r\n")
    file = str(tmp_path / "f")
    environ = {"BRIDGE_KAFKA_SASL_PASSWORD_FILE": file, "BRIDGE_PRIVACY__HASH_KEY_FILE": file}
    assert given(environ) == {"kafka.sasl.password": "secret", "privacy.hash_key": "secret"}


def test_an_empty_variable_counts_as_unset() -> None:
    """Compose passes empty variables for what nobody set."""
    assert given({"BRIDGE_LOG__LEVEL": "", "BRIDGE_NOTHING": ""}) == {}
    assert read_key({"FULLSTORY_API_KEY": ""}).given == {}


def test_other_variables_are_not_ours() -> None:
    """Names without our prefix are never looked at."""
    assert given({"BRIDGES": "x", "KAFKA_GROUP_ID": "x", "bridge_log__level": "x"}) == {}


def test_what_kubernetes_sets_is_not_a_mistake() -> None:
    """Beside a Service named `bridge` or `bridge-kafka` every pod has these."""
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
    """A typo in a variable must not pass in silence."""
    found = read_environment({name: "8080"})
    assert [problem.code for problem in found.problems] == [SettingsCode.UNKNOWN_VARIABLE]
    assert str(found.problems[0].place) == name


def test_a_variable_that_cannot_be_read_spoils_its_setting() -> None:
    """So that the setting is not told to be missing as well."""
    found = read_environment({"BRIDGE_PRIVACY__HASH_KEY_FILE": "/nowhere/x"})
    assert [str(problem.place) for problem in found.problems] == ["BRIDGE_PRIVACY__HASH_KEY_FILE"]
    assert found.spoiled == {("privacy", "hash_key")}
