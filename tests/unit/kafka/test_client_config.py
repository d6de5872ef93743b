"""What librdkafka is told, beside what the user's settings say."""

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


def test_what_a_promise_hangs_on_cannot_be_set() -> None:
    """Offsets are committed by us, aborted records are not read, positions do not move alone."""
    told = consumer_configuration({**USER, **dict.fromkeys(FIXED, "other")})
    assert {key: told[key] for key in FIXED} == FIXED
    assert FIXED["enable.auto.commit"] is False
    assert FIXED["enable.auto.offset.store"] is False
    assert FIXED["auto.offset.reset"] == "error"
    assert FIXED["isolation.level"] == "read_committed"


def test_a_default_gives_way_to_the_user() -> None:
    """Fetching is theirs to tune; no topic is made by a typo unless they ask for it."""
    assert consumer_configuration(USER)["fetch.wait.max.ms"] == 20
    assert consumer_configuration({})["allow.auto.create.topics"] is False
    assert consumer_configuration({"client.id": "ours"})["client.id"] == "ours"


@pytest.mark.parametrize("key", sorted(CLASSIC))
def test_the_classic_protocols_defaults_are_left_out_of_the_new_protocol(key: str) -> None:
    """Librdkafka refuses them there; what the user wrote stays, so that it is refused by name."""
    assert key in consumer_configuration({"group.id": "g"})
    new = {"group.id": "g", "group.protocol": "consumer"}
    assert key not in consumer_configuration(new)
    assert consumer_configuration({**new, key: "theirs"})[key] == "theirs"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_librdkafka_takes_our_own_defaults(protocol: str) -> None:
    """Nothing is connected to find that out."""
    check_configuration({"group.id": "g", "group.protocol": protocol})


@pytest.mark.parametrize(
    ("key", "value"), [("session.timeout.ms", "soon"), ("ssl.ca.location", "/no/such/file.pem")]
)
def test_what_librdkafka_refuses_is_an_error_that_names_the_key(key: str, value: str) -> None:
    """Before the first record, in the library's own words."""
    broken = {"group.id": "g", "security.protocol": "ssl", key: value}
    with pytest.raises(SetupError, match=key.replace(".", r"\.")):
        check_configuration(broken)


@pytest.mark.parametrize("make", [producer_configuration, admin_configuration])
def test_other_clients_share_the_connection_and_none_of_the_consumers_keys(make: object) -> None:
    """Where and how to connect is one section; librdkafka warns of keys of another client."""
    told = make(USER)  # type: ignore[operator]
    assert told["bootstrap.servers"] == "kafka:9092"
    assert told["sasl.username"] == "bus"
    left_out = {"group.id", "session.timeout.ms", "heartbeat.interval.ms", "fetch.wait.max.ms"}
    assert not (left_out | {"queued.min.messages"}) & told.keys()


def test_a_dead_letter_counts_only_when_all_replicas_have_it() -> None:
    """Whatever the section says of acks: settling the record hangs on it."""
    told = producer_configuration({**USER, "acks": "1", "enable.idempotence": False})
    assert (told["acks"], told["enable.idempotence"]) == ("all", True)


def test_whether_a_dead_letter_is_too_large_the_topic_decides() -> None:
    """The limit of librdkafka is 1 MB, below that of a broker: a letter would be held for ever."""
    assert producer_configuration(USER)["message.max.bytes"] == 100_000_000
    told = producer_configuration({**USER, "message.max.bytes": 5_000})
    assert told["message.max.bytes"] == 5_000
