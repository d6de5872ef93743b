"""What happens, told as frozen facts to whoever wants to know.

Everybody tells; `status/` listens. Nobody who tells knows what becomes of a fact, and no fact
holds a payload value, a user id or a request URL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

PartitionName = tuple[str, int]

EVERY_TOPIC = "everything"
"""The scope of a halt outside of which nothing is left."""


@dataclass(frozen=True, slots=True)
class PollLoopTick:
    """The poll thread is at work: many times a second, with records or without, draining too."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A batch of records was taken from Kafka."""

    records: int


@dataclass(frozen=True, slots=True)
class RecordsFiltered:
    """No mapping wanted these records."""

    topic: str
    records: int = 1


@dataclass(frozen=True, slots=True)
class EventSkipped:
    """A rule of the mapping or the settings said that this event is not to be sent."""

    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """FullStory accepted so many events; `tries` counts the requests that each of them took."""

    mapping: str
    tries: int
    events: int = 1


@dataclass(frozen=True, slots=True)
class Answered:
    """FullStory answered a request with `status`; 0 when no answer came.

    Not told of an event that was accepted at its first try: `Delivered` says it.
    """

    status: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """A request was written and no answer came: it may have been applied, and is sent again."""

    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request is to be sent again after `wait_s`."""

    mapping: str
    why: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """Kafka acknowledged a dead letter."""

    mapping: str | None
    stage: str
    reason: str
    place: str


RecordOutcome = Literal["sent", "filtered", "dead_lettered"]
"""How a record ended: with any dead letter; else with any event delivered; else with nothing."""


@dataclass(frozen=True, slots=True)
class RecordsSettled:
    """Every event of so many records that mappings wanted has come to its end."""

    topic: str
    fate: RecordOutcome
    records: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """`what` does not answer now; the bridge waits for it and goes on by itself.

    It is told again when the reason is another one. What it means: `delivery/pauses.py`.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """What the bridge waited for answers again, or nothing of ours waits for it any more."""

    what: str


@dataclass(frozen=True, slots=True)
class HaltedScope:
    """`scope` stands still until a person acts; `owner` is whom its mapping's file says to ask.

    `scope` is `EVERY_TOPIC`, some topics in words, or `topic/partition`.
    """

    scope: str
    why: str
    fix: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Draining:
    """The bridge was told to end: it takes nothing more, and sees through what it began."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Partitions came to this process."""

    partitions: Sequence[PartitionName]


@dataclass(frozen=True, slots=True)
class Revoked:
    """Partitions left this process; `lost` when the group had given them away already."""

    partitions: Sequence[PartitionName]
    lost: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """The broker acknowledged a commit of these partitions."""

    partitions: Sequence[PartitionName]


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The broker refused a commit, or did not answer; it is tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class SchemaMismatch:
    """A mapping does not fit a schema of `topic` that was met while running; its records reject."""

    topic: str
    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Info:
    """Something a person may want to know, and that changes nothing."""

    what: str


Fact = (
    PollLoopTick
    | Polled
    | RecordsFiltered
    | EventSkipped
    | Delivered
    | Answered
    | Unsure
    | Retrying
    | DeadLettered
    | RecordsSettled
    | Waiting
    | Resumed
    | HaltedScope
    | Draining
    | Assigned
    | Revoked
    | Committed
    | CommitFailed
    | SchemaMismatch
    | Info
)


class Observer(Protocol):
    """Listens to facts; may be told from any thread and must never raise."""

    def notify(self, fact: Fact) -> None:
        """Take note of a fact."""


class ObserverGroup:
    """Tells several observers the same; those that say what they `hear` are told nothing else."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._tell: dict[type[Fact], tuple[Callable[[Fact], None], ...]] = {}

    def notify(self, fact: Fact) -> None:
        """Pass a fact on, in order."""
        tells = self._tell.get(type(fact))
        for notify in self.notifier_for(type(fact)) if tells is None else tells:
            notify(fact)

    def notifier_for(self, kind: type[Fact]) -> tuple[Callable[[Fact], None], ...]:
        """How to tell a fact of a kind; looked up once for each."""
        found: list[Callable[[Fact], None]] = []
        for observer in self._observers:
            if isinstance(observer, ObserverGroup):
                found += observer.notifier_for(kind)
            elif kind in getattr(observer, "hears", (kind,)):
                found.append(observer.notify)
        self._tell[kind] = tuple(found)
        return self._tell[kind]
