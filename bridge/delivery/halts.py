"""Halted topics: a mapping asks for a halt, or rejects too many records.

Invariants:
- No record of a halted topic starts, not even one that was polled before the consumer paused the
  topic. So the pipeline checks every record here first.
- Records in flight finish, except those whose dead letter is not started: they stay unsettled.
- A halt lasts as long as the process. Each scope is reported once.
- If every topic is halted, that is reported too.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from bridge.observer import EVERY_TOPIC, HaltedScope, Observer

FIX_THE_MAPPING = (
    "fix the mapping, or set `on_error: dead_letter`, and restart the bridge: no record is lost"
)
"""The fix for a halt that a mapping asked for."""


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


class Mappings(Protocol):
    """Looks up mappings by name."""

    def topics_of(self, mapping: str) -> Topics:
        """The topics of a mapping."""
        ...

    def scope_of(self, mapping: str) -> str:
        """The topics of a mapping, as text."""
        ...

    def covers_all_topics(self, mappings: Collection[str]) -> bool:
        """Whether these mappings cover every topic that is read."""
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
        self._halted: dict[str, Topics] = {}
        self._scopes: set[str] = set()

    def is_halted(self, topic: str) -> bool:
        """Whether a topic is halted."""
        return bool(self._halted) and any(topics(topic) for topics in self._halted.values())

    def halt(self, mapping: str, why: str, fix: str) -> None:
        """Halt a mapping's topics; does nothing if they are halted already."""
        scope = self._mappings.scope_of(mapping)
        if scope in self._scopes:
            return
        self._scopes.add(scope)
        topics = self._halted[mapping] = self._mappings.topics_of(mapping)
        self._stop_reading(topics)
        owner = self._owners.get(mapping)
        self._observer.notify(HaltedScope(scope, why, fix, owner))
        if self._mappings.covers_all_topics(self._halted):
            self._observer.notify(HaltedScope(EVERY_TOPIC, ALL_HALTED, ALL_HALTED_FIX))
