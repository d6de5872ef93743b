"""Which topics are read: those that are named, and those of the cluster that a pattern takes.

Invariants:
- The poll thread owns everything here, for a look asks the consumer.
- The patterns are ours, not librdkafka's: the list of topics is looked at here, and what is
  subscribed to is always a list of names.
- A look that fails changes nothing. Nor does one that finds nothing at all: a group that waits
  for its first topic goes on waiting, one that has topics keeps them.
- A topic that appears while the group runs begins at its beginning (`came_later`), whatever
  `start` says, or its first minutes would be lost: it was written to before it could be seen.
  What was there at the first look that was answered is not new. A process that was not running
  cannot know, so there `start` decides, as it does for every topic the group never committed on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException

from bridge.delivery.pauses import KAFKA
from bridge.observer import Info, Observer, Waiting

LOOK_AGAIN_S = 30.0
"""The longest that a new topic of a pattern waits; librdkafka's own patterns wait 5 minutes.

`topic.metadata.refresh.interval.ms`, where the user sets it, says it in place of this.
"""

FIRST_LOOK_AGAIN_S = 1.0
"""Between two looks while none has been answered yet."""

LOOK_UP_TIMEOUT_S = 2.0
"""The poll thread waits no longer for an answer."""

_REFRESH: Final = "topic.metadata.refresh.interval.ms"


class Subscription:
    """The topics to subscribe to. `wanted` says which a pattern takes; None: no patterns."""

    def __init__(
        self,
        listed: Sequence[str],
        wanted: Callable[[str], bool] | None,
        kafka: Mapping[str, Any],
        observer: Observer,
    ) -> None:
        self._listed = tuple(listed)
        self._wanted = wanted
        self._observer = observer
        self._again_s = _interval_s(kafka)
        self._next_s = float("-inf")
        self._known: frozenset[str] | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._told_that_none = False

    @property
    def subscribed(self) -> frozenset[str]:
        """What is subscribed to."""
        return self._subscribed

    def came_later(self, topic: str) -> bool:
        """Whether a topic appeared while this process was running."""
        return self._known is not None and topic not in self._known

    def changed(self, consumer: Consumer, now_s: float) -> list[str] | None:
        """What to subscribe to from now on; None while that is what it was.

        Asks Kafka when it is time to, for two seconds at most.
        """
        names = self._look(consumer, now_s)
        if names is None and self._subscribed:
            return None
        found = frozenset(self._listed)
        if names is not None and self._wanted is not None:
            found |= {name for name in names if self._wanted(name)}
        if not found and names is not None and not self._subscribed:
            self._tell_that_none()
        if not found or found == self._subscribed:
            return None
        self._subscribed = found
        return sorted(found)

    def _look(self, consumer: Consumer, now_s: float) -> frozenset[str] | None:
        """The topics of the cluster; None when it is too early, or there is no answer."""
        if now_s < self._next_s:
            return None
        try:
            names = frozenset(consumer.list_topics(timeout=LOOK_UP_TIMEOUT_S).topics)
        except KafkaException as error:
            again_s = FIRST_LOOK_AGAIN_S if self._known is None else self._again_s
            self._next_s = now_s + again_s
            self._observer.notify(
                Waiting(KAFKA, f"which topics there are is not known: {error.args[0].str()}")
            )
            return None
        self._known = names if self._known is None else self._known & names
        self._next_s = float("inf") if self._wanted is None else now_s + self._again_s
        return names

    def _tell_that_none(self) -> None:
        if not self._told_that_none:
            self._told_that_none = True
            what = f"no topic matches the patterns yet; looking again every {self._again_s:g} s"
            self._observer.notify(Info(what))


def _interval_s(kafka: Mapping[str, Any]) -> float:
    try:
        set_s = int(kafka[_REFRESH]) / 1000
    except (KeyError, TypeError, ValueError):
        return LOOK_AGAIN_S
    return set_s if set_s > 0 else LOOK_AGAIN_S
