"""What the bridge tells librdkafka, beside what the user's settings say.

Invariants: `FIXED` is ours, because a promise hangs on it; the settings refuse these keys.
`DEFAULTS` gives way to the user. With `group.protocol: consumer` (KIP-848) the classic protocol's
defaults are left out: librdkafka refuses them there.
"""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Any

Configuration = dict[str, Any]

FIXED: Configuration = {
    "enable.auto.commit": False,  # commits are for what was delivered, and carry metadata
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # a position out of the log is told, never silently moved
    "isolation.level": "read_committed",  # an aborted record never happened
}

DEFAULTS: Configuration = {
    "group.protocol": "classic",
    "max.poll.interval.ms": 300_000,
    "check.crcs": True,
    "fetch.wait.max.ms": 100,  # a new assignment waits for the fetch that is outstanding
    "fetch.queue.backoff.ms": 5,  # how long a full queue is not filled up: at 50 ms a thread that
    # empties it in 15 ms waits for most of the time; the default is a second
    "queued.min.messages": 1_000,  # of each partition; 5,000 are no faster, and take 4 MB more
    "queued.max.messages.kbytes": 8_192,  # what is fetched ahead, for the whole process
    "fetch.message.max.bytes": 131_072,  # a partition's part of one answer: with a backlog of small
    # records the default brings 20,000 of them at once, each with 400 bytes around it
    "socket.keepalive.enable": True,
    "socket.timeout.ms": 30_000,  # so long a broker that hangs holds the commits up; else 60 s
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 5_000,
    "allow.auto.create.topics": False,  # a typo must not make a topic
    "enable.metrics.push": False,
}

CLASSIC: Configuration = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 45_000,
    "heartbeat.interval.ms": 3_000,
}

LETTER_BYTES_MAX = 100_000_000
"""A letter is larger than its record by its headers; whether it is too large the topic decides."""

_CONSUMER_ONLY = frozenset(
    {
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
        "check.crcs",
        "isolation.level",
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "allow.auto.create.topics",
    }
)
_CONSUMER_PREFIXES = ("fetch.", "queued.")


def consumer_configuration(user: Mapping[str, Any]) -> Configuration:
    """The consumer's configuration: defaults, then the user's keys, then what is fixed."""
    merged = {**DEFAULTS, **CLASSIC, **user, **FIXED}
    if merged["group.protocol"] == "consumer":
        for key in CLASSIC.keys() - user.keys():
            del merged[key]
    return {**_client(merged), "logger": logging.getLogger("librdkafka")}


def producer_configuration(user: Mapping[str, Any]) -> Configuration:
    """The dead letters' producer: nothing counts that Kafka has not acknowledged everywhere."""
    return {
        "message.max.bytes": LETTER_BYTES_MAX,
        **_client(_shared(user)),
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": 120_000,
        "linger.ms": 5,
        "logger": logging.getLogger("librdkafka"),
    }


def admin_configuration(user: Mapping[str, Any]) -> Configuration:
    """For look-ups outside any group."""
    return {**_client(_shared(user)), "logger": logging.getLogger("librdkafka")}


def _shared(user: Mapping[str, Any]) -> Configuration:
    return {
        key: value
        for key, value in user.items()
        if key not in _CONSUMER_ONLY and not key.startswith(_CONSUMER_PREFIXES)
    }


def _client(configuration: Configuration) -> Configuration:
    name = f"fullstory-bridge-{socket.gethostname()}-{os.getpid()}"
    return {"client.id": name, **configuration}
