"""Topics that stand still until a person has acted, because a mapping asked for it.

Laws: nothing of a halted topic is begun, not even what was polled before Kafka's side heard of
it; so the loop asks here first, for every record. What is under way comes to its end. A halt
lasts as long as the process; it is told once.
"""

from collections.abc import Callable
from typing import Protocol

from bridge.observer import HaltedScope, Observer

MEND = "mend the mapping, or say `on_error: dead_letter`, and start again: nothing is lost"
"""What ends a halt that a mapping asked for."""

Topics = Callable[[str], bool]
"""Some of Kafka's topics: whether one of them is meant."""


class Mappings(Protocol):
    """What is known of a mapping by its name."""

    def topics_of(self, mapping: str) -> Topics:
        """Its topics."""
        ...

    def owner_of(self, mapping: str) -> str | None:
        """Whom its file says to ask."""
        ...


class Halts:
    """What stands still; `read_no_more` ends that topics are read."""

    def __init__(
        self, mappings: Mappings, read_no_more: Callable[[Topics], None], observer: Observer
    ) -> None:
        self._mappings = mappings
        self._read_no_more = read_no_more
        self._observer = observer
        self._halted: list[Topics] = []

    def cover(self, topic: str) -> bool:
        """Whether a topic stands still."""
        return any(topics(topic) for topics in self._halted)

    def begin(self, mapping: str, why: str) -> None:
        """Let a mapping's topics stand still."""
        topics = self._mappings.topics_of(mapping)
        self._halted.append(topics)
        self._read_no_more(topics)
        owner = self._mappings.owner_of(mapping)
        self._observer.tell(HaltedScope(f"the topics of {mapping}", why, MEND, owner))
