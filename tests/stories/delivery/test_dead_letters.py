"""Records that can never be delivered go to the dead-letter topic, unchanged and with a reason."""

import subprocess
import time

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by its stubs
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.integration.running import COMMAND
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture, encode, wait_until_stable

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

SECRET_USER = "kassandra-of-troy"
SECRET_NUMBER = 918_273_645


def test_each_invalid_record_is_one_dead_letter_and_the_others_are_delivered(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Invalid bytes, unknown schema, no user, implausible timestamp: headers have the reason."""
    # Given invalid records among valid ones, with values that appear nowhere else
    cluster = make_cluster(kafka, partitions=1)
    good = encode(cluster.schema_id, SECRET_NUMBER, SECRET_USER)
    invalid = {
        "wrong_magic_byte": b"\x07" + good[1:],
        "unknown_schema_id": encode(987_654, SECRET_NUMBER, SECRET_USER),
        "truncated": good[:-2],
        "missing_uid": encode(cluster.schema_id, SECRET_NUMBER, user=""),
        "too_old": good,
        "before_2000": good,
    }
    times_ms = {"too_old": (time.time() - 8 * 86_400) * 1000, "before_2000": 1_000}
    cluster.write(100)
    for reason, value in invalid.items():
        kafka.produce(
            cluster.topic,
            [value],
            partition=0,
            key=reason.encode(),
            headers=[("trace", b"\xff\x00raw")],
            timestamp=int(times_ms.get(reason, 0)),
        )
    cluster.write(100)

    # When the bridge has read them all
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then the valid ones arrived, and each invalid one is a dead letter with its reason
    assert cluster.reconcile() == ([], 0)
    wait_until(
        lambda: len(kafka.read(cluster.dead_letters)) >= len(invalid), "the dead letters", 20
    )
    dead_letters = kafka.read(cluster.dead_letters)
    assert sorted(str(_headers(one)["fullstory_bridge.reason"]) for one in dead_letters) == sorted(
        invalid
    )
    for dead_letter in dead_letters:
        reason = _headers(dead_letter)["fullstory_bridge.reason"]
        assert dead_letter.key() == reason.encode()
        assert dead_letter.value() == invalid[reason]
        _assert_origin(dead_letter, cluster, offset=100 + list(invalid).index(reason))
    truncated = next(one for one in dead_letters if one.key() == b"truncated")
    assert _headers(truncated)["fullstory_bridge.path"] == "user"
    assert int(_headers(truncated)["fullstory_bridge.byte_offset"]) > 5


def _assert_origin(dead_letter: Message, cluster: ClusterFixture, *, offset: int) -> None:
    """The headers say where the record came from and why it failed, and hold no value of it."""
    headers = _headers(dead_letter)
    assert _raw_headers(dead_letter)[0] == ("trace", b"\xff\x00raw")
    assert headers["__connect.errors.topic"] == cluster.topic
    assert headers["__connect.errors.partition"] == "0"
    assert headers["__connect.errors.offset"] == str(offset)
    assert headers["__connect.errors.stage"] in ("VALUE_CONVERTER", "TRANSFORMATION")
    assert headers["__connect.errors.connector.name"] == cluster.group
    reason = headers["fullstory_bridge.reason"]
    assert headers["__connect.errors.exception.class.name"].endswith(reason)
    assert headers["__connect.errors.exception.message"]
    texts = " ".join(text for name, text in headers.items() if name != "trace")
    assert SECRET_USER[:8] not in texts
    assert str(SECRET_NUMBER) not in texts


def test_a_dead_letter_that_kafka_rejects_is_retried_until_it_is_accepted(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Meanwhile other records are delivered, and the committed offset does not advance."""
    # Given a dead-letter topic that rejects every message as too large, and one invalid record
    cluster = make_cluster(kafka, partitions=1)
    _set_max_message_bytes(kafka, cluster.dead_letters, 1)
    cluster.write(50)
    kafka.produce(cluster.topic, [b"\x07wrong"], partition=0)
    cluster.write(50)
    with cluster.bridge() as bridge:
        # When all others are delivered
        bridge.wait_until_logged("paused", component="dead-letter topic")
        cluster.wait_for(100)

        # Then the offset stays before the invalid one until its dead letter is written, once
        wait_until_stable(lambda: kafka.committed(cluster.group, cluster.topic))
        assert kafka.committed(cluster.group, cluster.topic)[0].offset == 50
        _set_max_message_bytes(kafka, cluster.dead_letters, 1_000_000)
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
    assert [one.value() for one in kafka.read(cluster.dead_letters)] == [b"\x07wrong"]


def test_without_a_dead_letter_topic_it_does_not_start_and_says_how_to_create_one(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """It exits with 2 before the first record and prints the command that creates the topic."""
    cluster = make_cluster(kafka)
    cluster.dead_letters = "missing-topic"
    file = cluster.write_settings()

    ended = subprocess.run(
        [COMMAND, "run", "--config", file], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert "there is no topic missing-topic" in ended.stderr
    assert "--create --topic missing-topic" in ended.stderr
    assert cluster.fullstory.accepted == []


def _set_max_message_bytes(kafka: KafkaCluster, topic: str, size_bytes: int) -> None:
    """Set the topic's maximum message size."""
    entry = ConfigEntry("max.message.bytes", str(size_bytes))
    entry.incremental_operation = AlterConfigOpType.SET
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in kafka.admin.incremental_alter_configs([resource]).values():
        future.result(10)


def _raw_headers(message: Message) -> list[tuple[str, bytes]]:
    headers = message.headers()
    assert isinstance(headers, list)
    return [(name, value) for name, value in headers if isinstance(value, bytes)]


def _headers(message: Message) -> dict[str, str]:
    return {name: value.decode("utf-8", "replace") for name, value in _raw_headers(message)}
