"""The librdkafka configuration that the bridge adds to the user's settings."""

import pytest

from bridge.errors import SetupError
from bridge.kafka.admin import check_configuration
from bridge.kafka.client_config import (
    CLASSIC,
    FIXED,
    Configuration,
    admin_configuration,
    consumer_configuration,
    producer_configuration,
)

USER: Configuration = {
    "bootstrap.servers": "kafka:9092",
    "group.id": "bridge",
    "sasl.username": "bus",
    "session.timeout.ms": 10_000,
    "fetch.wait.max.ms": 20,
    "queued.min.messages": 100,
    "heartbeat.interval.ms": 1_000,
}


def test_fixed_keys_cannot_be_overridden() -> None:
    """Only the bridge commits; aborted records are not read, and positions are never reset."""
    configuration = consumer_configuration({**USER, **dict.fromkeys(FIXED, "other")})
    assert {key: configuration[key] for key in FIXED} == FIXED
    assert FIXED["enable.auto.commit"] is False
    assert FIXED["enable.auto.offset.store"] is False
    assert FIXED["auto.offset.reset"] == "error"
    assert FIXED["isolation.level"] == "read_committed"


def test_the_users_settings_override_defaults() -> None:
    """Users may tune fetching; a typo creates no topic unless they allow it."""
    assert consumer_configuration(USER)["fetch.wait.max.ms"] == 20
    assert consumer_configuration({})["allow.auto.create.topics"] is False
    assert consumer_configuration({"client.id": "ours"})["client.id"] == "ours"


@pytest.mark.parametrize("key", sorted(CLASSIC))
def test_the_consumer_protocol_omits_the_classic_defaults(key: str) -> None:
    """Librdkafka rejects them there; a key of the user is kept, so that the error names it."""
    assert key in consumer_configuration({"group.id": "g"})
    new = {"group.id": "g", "group.protocol": "consumer"}
    assert key not in consumer_configuration(new)
    assert consumer_configuration({**new, key: "theirs"})[key] == "theirs"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_librdkafka_accepts_the_defaults(protocol: str) -> None:
    """No connection is needed to validate them."""
    check_configuration({"group.id": "g", "group.protocol": protocol})


@pytest.mark.parametrize(
    ("key", "value"), [("session.timeout.ms", "soon"), ("ssl.ca.location", "/no/such/file.pem")]
)
def test_a_rejected_value_is_an_error_that_names_the_key(key: str, value: str) -> None:
    """Before the first record, with librdkafka's own message."""
    broken = {"group.id": "g", "security.protocol": "ssl", key: value}
    with pytest.raises(SetupError, match=key.replace(".", r"\.")):
        check_configuration(broken)


@pytest.mark.parametrize("make", [producer_configuration, admin_configuration])
def test_other_clients_get_the_connection_keys_but_no_consumer_keys(make: object) -> None:
    """One section configures the connection; librdkafka warns about keys of another client."""
    configuration = make(USER)  # type: ignore[operator]
    assert configuration["bootstrap.servers"] == "kafka:9092"
    assert configuration["sasl.username"] == "bus"
    consumer_keys = {"group.id", "session.timeout.ms", "heartbeat.interval.ms", "fetch.wait.max.ms"}
    assert not (consumer_keys | {"queued.min.messages"}) & configuration.keys()


def test_a_dead_letter_counts_only_if_all_replicas_have_it() -> None:
    """Whatever the user sets for acks, because the record is settled on this acknowledgment."""
    configuration = producer_configuration({**USER, "acks": "1", "enable.idempotence": False})
    assert (configuration["acks"], configuration["enable.idempotence"]) == ("all", True)


def test_the_topic_decides_whether_a_dead_letter_is_too_large() -> None:
    """Librdkafka's default is 1 MB, below a broker's: a larger dead letter would wait for ever."""
    assert producer_configuration(USER)["message.max.bytes"] == 100_000_000
    configuration = producer_configuration({**USER, "message.max.bytes": 5_000})
    assert configuration["message.max.bytes"] == 5_000
