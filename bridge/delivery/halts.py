"""Halted topics: by a mapping (`on_error`, rejections), or because a topic cannot be read.

Invariants:
- No record of a halted topic starts, not even one that was polled before the consumer paused the
  topic. So the pipeline checks every record here first.
- Records in flight finish, except those whose dead letter is not started: they stay unsettled.
- A halt lasts as long as the process. Each scope is reported once.
- If every topic is halted, that is reported too.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple, Protocol

from bridge.observer import EVERY_TOPIC, HaltedScope, Observer

FIX_THE_MAPPING = (
    "fix the mapping, or set `on_error: dead_letter`, and restart the bridge: no record is lost"
)
"""The fix for a halt that a mapping asked for."""

FIX_THE_SCHEMA: Final = (
    "fix the mapping or the schema until `fullstory-bridge check` reports no error,"
    " and restart the bridge: no record is lost"
)
"""The fix for a topic whose newest schema its mappings do not fit."""


def fix_for_rejections(mapping: str, place: str) -> str:
    """The fix for a mapping that rejects too many records; `place` is one of them."""
    return (
        f"`fullstory-bridge explain {place}` shows one rejected record, `fullstory-bridge check`"
        " shows what does not fit the schemas. Fix the mapping and restart: its topics resume"
        " here. To replay what it rejected before:"
        f" `fullstory-bridge dead-letters replay --mapping {mapping}`."
        " If so many rejections are intended, change the setting `halt`"
    )


ALL_HALTED: Final = "the topics of all mappings are halted"
ALL_HALTED_FIX: Final = "fix the cause of each halt, and restart the bridge"

Topics = Callable[[str], bool]
"""Whether a topic belongs to a set of topics."""


class HaltedTopic(NamedTuple):
    """A topic (by Kafka name) to halt; without `owner`, the owners of its mappings are named."""

    topic: str
    why: str
    fix: str
    owner: str | None = None


class Mappings(Protocol):
    """Looks up mappings by name."""

    def topics_of(self, mapping: str) -> Topics:
        """The topics of a mapping."""
        ...

    def scope_of(self, mapping: str) -> str:
        """The topics of a mapping, as text."""
        ...

    def covers_all_topics(self, mappings: Collection[str], topics: Collection[str] = ()) -> bool:
        """Whether these mappings and these topics cover every topic that is read."""
        ...


class Halts:
    """The halted topics; `stop_reading` stops topics, `owners` maps mappings to their owners."""

    def __init__(
        self,
        mappings: Mappings,
        owners: Mapping[str, str],
        stop_reading: Callable[[Topics], None],
        observer: Observer,
    ) -> None:
        self._mappings = mappings
        self._owners = owners
        self._stop_reading = stop_reading
        self._observer = observer
        self._halted: list[Topics] = []
        self._halted_mappings: set[str] = set()
        self._halted_topics: set[str] = set()
        self._scopes: set[str] = set()

    def is_halted(self, topic: str) -> bool:
        """Whether a topic is halted."""
        return bool(self._halted) and any(topics(topic) for topics in self._halted)

    def halt(self, mapping: str, why: str, fix: str) -> None:
        """Halt a mapping's topics; does nothing if they are halted already."""
        self._halted_mappings.add(mapping)
        scope = HaltedScope(self._mappings.scope_of(mapping), why, fix, self._owners.get(mapping))
        self._halt(scope, self._mappings.topics_of(mapping))

    def halt_topic(self, halted: HaltedTopic) -> None:
        """Halt one topic, whatever its mappings."""
        topic, why, fix, owner = halted
        self._halted_topics.add(topic)
        scope = HaltedScope(f"the topic {topic}", why, fix, owner or self._owners_of(topic))
        self._halt(scope, topic.__eq__)

    def _owners_of(self, topic: str) -> str | None:
        owners = (
            owner
            for mapping, owner in self._owners.items()
            if self._mappings.topics_of(mapping)(topic)
        )
        return ", ".join(dict.fromkeys(owners)) or None

    def _halt(self, scope: HaltedScope, topics: Topics) -> None:
        if scope.scope in self._scopes:
            return
        self._scopes.add(scope.scope)
        self._halted.append(topics)
        self._stop_reading(topics)
        self._observer.notify(scope)
        if self._mappings.covers_all_topics(self._halted_mappings, self._halted_topics):
            self._observer.notify(HaltedScope(EVERY_TOPIC, ALL_HALTED, ALL_HALTED_FIX))
