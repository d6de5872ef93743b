"""Compares the list of librdkafka's keys with the installed library."""

import pytest
from confluent_kafka import Consumer, KafkaException

from bridge.kafka.client_keys import KNOWN_KEYS


@pytest.mark.parametrize("key", sorted(KNOWN_KEYS))
def test_the_installed_library_knows_the_key(key: str) -> None:
    """It may reject the value, but not the name."""
    assert "No such configuration property" not in _validation_error({key: "no such value"})


def test_the_installed_library_rejects_an_unknown_key() -> None:
    """Shows that the test above can fail."""
    assert "No such configuration property" in _validation_error({"no.such.key": "1"})


def _validation_error(configuration: dict[str, str]) -> str:
    """The library's error message for a configuration; empty if it is valid."""
    try:
        Consumer({"group.id": "none", **configuration}).close()
    except (KafkaException, TypeError, ValueError) as error:
        return str(error)
    return ""
