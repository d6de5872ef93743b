"""The librdkafka configuration that the bridge adds to the user's settings.

Invariants:
- `FIXED` cannot be overridden, because delivery guarantees depend on it. The settings reject these
  keys.
- The user's settings override `DEFAULTS`.
- With `group.protocol: consumer` (KIP-848) the defaults of the classic protocol are omitted,
  because librdkafka rejects them there.
"""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Any

Configuration = dict[str, Any]

LOGGER = logging.getLogger("librdkafka")
"""Every client logs here; without a handler of its own, a command prints none of it."""
LOGGER.addHandler(logging.NullHandler())

FIXED: Configuration = {
    "enable.auto.commit": False,  # the bridge commits what it delivered, with metadata
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # out of range is an error, never a silent reset
    "isolation.level": "read_committed",  # aborted records are never read
    "enable.partition.eof": True,  # the end of a partition is committed, see `AssignedPartitions`
}

DEFAULTS: Configuration = {
    "group.protocol": "classic",
    "max.poll.interval.ms": 300_000,
    "check.crcs": True,
    "fetch.wait.max.ms": 100,  # a new assignment waits for the pending fetch
    "fetch.queue.backoff.ms": 5,  # the pause before a full queue is refilled: at 50 ms a
    # thread that empties it in 15 ms mostly waits; the default is 1 s
    "queued.min.messages": 1_000,  # per partition; 5,000 are no faster and take 4 MB more
    "queued.max.messages.kbytes": 8_192,  # prefetched data of the whole process
    "fetch.message.max.bytes": 131_072,  # per partition and response: with a backlog of small
    # records the default fetches 20,000 of them at once, each with 400 bytes of overhead
    "socket.keepalive.enable": True,
    "socket.timeout.ms": 30_000,  # how long a hung broker delays commits; default 60 s
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 5_000,
    "allow.auto.create.topics": False,  # a typo must not create a topic
    "enable.metrics.push": False,
}

CLASSIC: Configuration = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 45_000,
    "heartbeat.interval.ms": 3_000,
}

DEAD_LETTER_BYTES_MAX = 100_000_000
"""Headers make a dead letter larger than its record; the topic's own limit decides."""

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
    """The consumer's configuration: defaults, then the user's keys, then the fixed keys."""
    merged = {**DEFAULTS, **CLASSIC, **user, **FIXED}
    if merged["group.protocol"] == "consumer":
        for key in CLASSIC.keys() - user.keys():
            del merged[key]
    return {**_client(merged), "logger": LOGGER}


def producer_configuration(user: Mapping[str, Any]) -> Configuration:
    """The dead-letter producer's configuration: only acknowledgment by all replicas counts."""
    return {
        "message.max.bytes": DEAD_LETTER_BYTES_MAX,
        **_client(_shared(user)),
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": 120_000,
        "linger.ms": 5,
        "logger": LOGGER,
    }


def admin_configuration(user: Mapping[str, Any]) -> Configuration:
    """The configuration for lookups outside of any group."""
    return {**_client(_shared(user)), "logger": LOGGER}


def _shared(user: Mapping[str, Any]) -> Configuration:
    return {
        key: value
        for key, value in user.items()
        if key not in _CONSUMER_ONLY and not key.startswith(_CONSUMER_PREFIXES)
    }


def _client(configuration: Configuration) -> Configuration:
    name = f"fullstory-bridge-{socket.gethostname()}-{os.getpid()}"
    return {"client.id": name, **configuration}
