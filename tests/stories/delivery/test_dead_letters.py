"""Records that can never be delivered: where they go, unchanged, and what is said of them."""

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
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import encode, moving

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

SECRET_USER = "kassandra-of-troy"
SECRET_NUMBER = 918_273_645


def test_each_wrong_record_is_one_dead_letter_and_the_others_flow_on(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Wrong bytes, unknown schema, no user, a time that cannot be meant: headers tell why."""
    # Given wrong records among good ones, whose values can be told from all else
    town = found_town(kafka, partitions=1)
    good = encode(town.schema_id, SECRET_NUMBER, SECRET_USER)
    wrong = {
        "wrong_magic_byte": b"\x07" + good[1:],
        "unknown_schema_id": encode(987_654, SECRET_NUMBER, SECRET_USER),
        "truncated": good[:-2],
        "missing_uid": encode(town.schema_id, SECRET_NUMBER, user=""),
        "too_old": good,
        "before_2000": good,
    }
    times_ms = {"too_old": (time.time() - 8 * 86_400) * 1000, "before_2000": 1_000}
    town.write(100)
    for reason, value in wrong.items():
        kafka.produce(
            town.topic,
            [value],
            partition=0,
            key=reason.encode(),
            headers=[("trace", b"\xff\x00raw")],
            timestamp=int(times_ms.get(reason, 0)),
        )
    town.write(100)

    # When the bridge has read them all
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then the good ones arrived, and each wrong one is a dead letter with its reason
    assert town.reconcile() == ([], 0)
    wait_until(lambda: len(kafka.read(town.letters)) >= len(wrong), "the dead letters", 20)
    letters = kafka.read(town.letters)
    assert sorted(str(_headers(one)["fullstory_bridge.reason"]) for one in letters) == sorted(wrong)
    for letter in letters:
        headers_of_it = _headers(letter)
        reason = headers_of_it["fullstory_bridge.reason"]
        assert letter.key() == reason.encode()
        assert letter.value() == wrong[reason]
        assert _raw_headers(letter)[0] == ("trace", b"\xff\x00raw")
        assert headers_of_it["__connect.errors.topic"] == town.topic
        assert headers_of_it["__connect.errors.partition"] == "0"
        assert headers_of_it["__connect.errors.offset"] == str(100 + list(wrong).index(reason))
        assert headers_of_it["__connect.errors.stage"] in ("VALUE_CONVERTER", "TRANSFORMATION")
        assert headers_of_it["__connect.errors.connector.name"] == town.group
        assert headers_of_it["__connect.errors.exception.class.name"].endswith(reason)
        assert headers_of_it["__connect.errors.exception.message"]
        told = " ".join(text for name, text in headers_of_it.items() if name != "trace")
        assert SECRET_USER[:8] not in told
        assert str(SECRET_NUMBER) not in told
    truncated = next(one for one in letters if one.key() == b"truncated")
    assert _headers(truncated)["fullstory_bridge.path"] == "user"
    assert int(_headers(truncated)["fullstory_bridge.byte_offset"]) > 5


def test_a_dead_letter_that_kafka_refuses_is_held_until_it_is_taken(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """The dead-letter topic takes nothing for a while: others flow on, the offset stands still."""
    # Given a dead-letter topic for which every message is too large, and one wrong record
    town = found_town(kafka, partitions=1)
    _let_take(kafka, town.letters, 1)
    town.write(50)
    kafka.produce(town.topic, [b"\x07wrong"], partition=0)
    town.write(50)
    with town.bridge() as bridge:
        # When all others are delivered
        bridge.wait_until_logged("paused", component="dead-letter topic")
        town.wait_for(100)

        # Then the offset waits before the wrong one, until its letter is taken, once
        moving(lambda: kafka.committed(town.group, town.topic))
        assert kafka.committed(town.group, town.topic)[0].offset == 50
        _let_take(kafka, town.letters, 1_000_000)
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
    assert [one.value() for one in kafka.read(town.letters)] == [b"\x07wrong"]


def test_without_a_dead_letter_topic_it_does_not_start_and_says_how_to_make_one(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Exit 2 before the first record, with the command that creates the topic."""
    town = found_town(kafka)
    town.letters = "nobody-made-this"
    file = town.write_settings()

    ended = subprocess.run(
        [COMMAND, "run", "--config", file], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert "there is no topic nobody-made-this" in ended.stderr
    assert "--create --topic nobody-made-this" in ended.stderr
    assert town.fullstory.accepted == []


def _let_take(kafka: KafkaCluster, topic: str, size_bytes: int) -> None:
    """Let a topic take messages up to so many bytes."""
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
