"""The ids of topics, which distinguish a recreated topic from its predecessor.

A topic that is deleted and recreated keeps its name. The client silently reads on in it at the old
offset; only the topic id (KIP-516) differs. This module is pure: `recreated_topics.py` asks Kafka.

Invariants:
- A topic counts as recreated only if two ids are known, belong to one cluster, and differ.
- If the id is unknown, the topic counts as the same: the broker has no ids (before 2.8, or another
  implementation), a permission is missing, or no answer arrives.
- Ids of different clusters are never compared. A mirror may have copied topics and commits, and
  starting over there would send every event again.
"""

import zlib
from typing import Final

_CLUSTER_BITS: Final = 16
_TOPIC_BITS: Final = 16


class TopicIds:
    """Topic ids in their short form, which fits into a commit.

    One in 65,536 recreated topics has the same short id and is not recognized.
    """

    def __init__(self) -> None:
        self.current: dict[str, int] = {}
        """The last id that Kafka reported, by topic."""

        self._recreated: set[str] = set()

    def update(self, topic: str, topic_id: int) -> None:
        """Store the id that Kafka reports for a topic."""
        if not ids_match(self.current.get(topic), topic_id):
            self._recreated.add(topic)
        self.current[topic] = topic_id

    def mark_recreated(self, topic: str) -> None:
        """A partition was assigned under an id that differs from the one Kafka reports."""
        self._recreated.add(topic)

    def is_recreated(self, topic: str) -> bool:
        """Whether the topic was recreated while this process or its group was active."""
        return topic in self._recreated


def ids_match(one: int | None, other: int | None) -> bool:
    """Whether two ids may belong to the same topic."""
    if one is None or other is None or one == other:
        return True
    return one >> _TOPIC_BITS != other >> _TOPIC_BITS


def short_id(cluster_id: str, topic_id: str) -> int:
    """The 32-bit short form of Kafka's topic id; half of the bits identify the cluster."""
    cluster = zlib.crc32(cluster_id.encode()) % (1 << _CLUSTER_BITS)
    return cluster << _TOPIC_BITS | zlib.crc32(topic_id.encode()) % (1 << _TOPIC_BITS)
