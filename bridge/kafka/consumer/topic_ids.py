"""Which topic of its name a topic is, as far as this process knows: its id.

A topic that is deleted and made anew keeps its name, and the client reads on in it at the old
offset, saying nothing; only its id (KIP-516) tells. Pure: who asks Kafka is `anew.py`.

Law: a topic is taken for another one only when two ids are known, of one cluster, and differ. A
broker that tells none (before 2.8, or of another make), a right that is missing, an answer that
does not come: then it is the same topic. So it is in another cluster, where a mirror has carried
topics and commits over: begun anew there, all of them would be sent again.
"""

import zlib
from typing import Final

_CLUSTER_BITS: Final = 16
_TOPIC_BITS: Final = 16


class TopicIds:
    """Ids in their short form, which a commit has room for.

    Of 65,536 topics that are made anew one is taken for the same.
    """

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        """What Kafka told last of each topic that it told of."""

        self._recreated: set[str] = set()

    def told(self, topic: str, topic_id: int) -> None:
        """Kafka has told a topic's id."""
        if not agree(self.now.get(topic), topic_id):
            self._recreated.add(topic)
        self.now[topic] = topic_id

    def replaced(self, topic: str) -> None:
        """A partition of the topic was held under another id than the one that Kafka tells."""
        self._recreated.add(topic)

    def was_recreated(self, topic: str) -> bool:
        """Whether the topic was made anew while this process, or its group, was there."""
        return topic in self._recreated


def agree(one: int | None, other: int | None) -> bool:
    """Whether two ids may be those of one topic."""
    if one is None or other is None or one == other:
        return True
    return one >> _TOPIC_BITS != other >> _TOPIC_BITS


def short(cluster_id: str, topic_id: str) -> int:
    """The short form of an id as Kafka writes it: 32 bits, half of them the cluster's."""
    cluster = zlib.crc32(cluster_id.encode()) % (1 << _CLUSTER_BITS)
    return cluster << _TOPIC_BITS | zlib.crc32(topic_id.encode()) % (1 << _TOPIC_BITS)
