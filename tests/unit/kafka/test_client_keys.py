"""The list of librdkafka's keys against the library that is installed."""

import pytest
from confluent_kafka import Consumer, KafkaException

from bridge.kafka.client_keys import KNOWN_KEYS


@pytest.mark.parametrize("key", sorted(KNOWN_KEYS))
def test_the_installed_library_knows_the_key(key: str) -> None:
    """It may refuse our value, but not the name."""
    assert "No such configuration property" not in _answer({key: "no such value"})


def test_the_installed_library_refuses_a_key_that_is_not_listed() -> None:
    """So the test above can fail."""
    assert "No such configuration property" in _answer({"no.such.key": "1"})


def _answer(configuration: dict[str, str]) -> str:
    """What the library says of a configuration; empty when it takes it."""
    try:
        Consumer({"group.id": "none", **configuration}).close()
    except (KafkaException, TypeError, ValueError) as error:
        return str(error)
    return ""
