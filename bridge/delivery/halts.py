"""Topics that stand still until a person has acted: a mapping asks for it, or rejects too much.

Invariants: nothing of a halted topic is begun, not even what was polled before Kafka's side heard
of it; so the loop asks here first, for every record. What is under way comes to its end, but for
letters that are not begun: their records are left. A halt lasts as long as the process, and the
same topics are told once. When nothing is left to read, that is told as well: then everything
stands still.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from bridge.observer import EVERY_TOPIC, HaltedScope, Observer

FIX_THE_MAPPING = (
    "mend the mapping, or say `on_error: dead_letter`, and start again: nothing is lost"
)
"""What ends a halt that a mapping asked for."""


def fix_for_rejections(mapping: str, place: str) -> str:
    """What ends the halt of a mapping that rejects too much, of which `place` names a record."""
    return (
        f"`fullstory-bridge explain {place}` shows one of them, `fullstory-bridge check` what does"
        " not fit the schemas; mend the mapping and start again: its topics go on from here."
        f" What it rejected before: `fullstory-bridge dead-letters replay --mapping {mapping}`."
        " If so much is to be rejected: the setting `halt`"
    )


ALL_HALTED: Final = "the topics of every mapping stand still"
SEE_BESIDE: Final = "mend what each of them was halted for, and start again"

Topics = Callable[[str], bool]
"""Some of Kafka's topics: whether one of them is meant."""


class Mappings(Protocol):
    """What is known of a mapping by its name."""

    def topics_of(self, mapping: str) -> Topics:
        """Its topics."""
        ...

    def scope_of(self, mapping: str) -> str:
        """Its topics in words."""
        ...

    def is_all(self, mappings: Collection[str]) -> bool:
        """Whether nothing is read but the topics of these."""
        ...


class Halts:
    """What stands still; `read_no_more` ends that topics are read, `owners` are the mappings'."""

    def __init__(
        self,
        mappings: Mappings,
        owners: Mapping[str, str],
        read_no_more: Callable[[Topics], None],
        observer: Observer,
    ) -> None:
        self._mappings = mappings
        self._owners = owners
        self._read_no_more = read_no_more
        self._observer = observer
        self._halted: dict[str, Topics] = {}
        self._scopes: set[str] = set()

    def cover(self, topic: str) -> bool:
        """Whether a topic stands still."""
        return bool(self._halted) and any(topics(topic) for topics in self._halted.values())

    def begin(self, mapping: str, why: str, fix: str) -> None:
        """Let a mapping's topics stand still; nothing if they do."""
        scope = self._mappings.scope_of(mapping)
        if scope in self._scopes:
            return
        self._scopes.add(scope)
        topics = self._halted[mapping] = self._mappings.topics_of(mapping)
        self._read_no_more(topics)
        owner = self._owners.get(mapping)
        self._observer.notify(HaltedScope(scope, why, fix, owner))
        if self._mappings.is_all(self._halted):
            self._observer.notify(HaltedScope(EVERY_TOPIC, ALL_HALTED, SEE_BESIDE))
