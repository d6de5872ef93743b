"""Which topics to subscribe to: the named topics, and those of the cluster that match a pattern.

Invariants:
- The poll thread owns everything here, because listing topics uses the consumer.
- The bridge matches the patterns itself, not librdkafka. The subscription is always a list of
  names.
- A failed lookup changes nothing. Nor does one that finds no topic at all: a group that waits for
  its first topic goes on waiting, and one that has topics keeps them.
- A topic that appears while the group runs starts at its beginning (`is_new_topic`), whatever
  `start` says. Otherwise records written before its discovery would be lost.
- Topics in the first answered lookup are not new. A process that was not running cannot know, so
  `start` applies, as for every topic without a commit of the group.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException

from bridge.delivery.pauses import KAFKA
from bridge.observer import Info, Observer, Waiting

REFRESH_S = 30.0
"""How often new topics of a pattern are looked up; librdkafka's own patterns take 5 minutes.

The user's `topic.metadata.refresh.interval.ms` overrides it.
"""

FIRST_REFRESH_RETRY_S = 1.0
"""The time between lookups until the first one is answered."""

LOOKUP_TIMEOUT_S = 2.0
"""The longest that the poll thread waits for an answer."""

_REFRESH_KEY: Final = "topic.metadata.refresh.interval.ms"


class Subscription:
    """The topics to subscribe to; without `matches_pattern` there are no patterns."""

    def __init__(
        self,
        topics: Sequence[str],
        matches_pattern: Callable[[str], bool] | None,
        kafka: Mapping[str, Any],
        observer: Observer,
    ) -> None:
        self._topics = tuple(topics)
        self._matches_pattern = matches_pattern
        self._observer = observer
        self._refresh_s = _refresh_interval_s(kafka)
        self._next_refresh_s = float("-inf")
        self._known_topics: frozenset[str] | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._reported_no_match = False

    @property
    def subscribed(self) -> frozenset[str]:
        """The topics that are subscribed to."""
        return self._subscribed

    def is_new_topic(self, topic: str) -> bool:
        """Whether a topic appeared while this process was running."""
        return self._known_topics is not None and topic not in self._known_topics

    def changed_topics(self, consumer: Consumer, now_s: float) -> list[str] | None:
        """The new list of topics to subscribe to; None if it did not change.

        Asks Kafka when a refresh is due, and blocks for two seconds at most.
        """
        names = self._list_topics(consumer, now_s)
        if names is None and self._subscribed:
            return None
        topics = frozenset(self._topics)
        if names is not None and self._matches_pattern is not None:
            topics |= {name for name in names if self._matches_pattern(name)}
        if not topics and names is not None and not self._subscribed:
            self._report_no_match()
        if not topics or topics == self._subscribed:
            return None
        self._subscribed = topics
        return sorted(topics)

    def _list_topics(self, consumer: Consumer, now_s: float) -> frozenset[str] | None:
        """The topics of the cluster; None if no refresh is due, or Kafka does not answer."""
        if now_s < self._next_refresh_s:
            return None
        try:
            names = frozenset(consumer.list_topics(timeout=LOOKUP_TIMEOUT_S).topics)
        except KafkaException as error:
            retry_s = FIRST_REFRESH_RETRY_S if self._known_topics is None else self._refresh_s
            self._next_refresh_s = now_s + retry_s
            self._observer.notify(
                Waiting(KAFKA, f"the topics of the cluster are not known: {error.args[0].str()}")
            )
            return None
        self._known_topics = names if self._known_topics is None else self._known_topics & names
        repeats = self._matches_pattern is not None
        self._next_refresh_s = now_s + self._refresh_s if repeats else float("inf")
        return names

    def _report_no_match(self) -> None:
        if not self._reported_no_match:
            self._reported_no_match = True
            message = f"no topic matches the patterns yet; checking every {self._refresh_s:g} s"
            self._observer.notify(Info(message))


def _refresh_interval_s(kafka: Mapping[str, Any]) -> float:
    try:
        interval_s = int(kafka[_REFRESH_KEY]) / 1000
    except (KeyError, TypeError, ValueError):
        return REFRESH_S
    return interval_s if interval_s > 0 else REFRESH_S
