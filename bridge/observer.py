"""What happens in the bridge, as immutable facts that observers receive.

Any module notifies; `status/` observes. The sender of a fact does not know who receives it. No
fact holds a payload value, a user id or a request URL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

PartitionName = tuple[str, int]

EVERY_TOPIC = "everything"
"""The scope of a halt that leaves no topic to read."""


@dataclass(frozen=True, slots=True)
class PollLoopTick:
    """The poll thread is alive; sent many times a second, even while idle or draining."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A batch of records was polled from Kafka."""

    records: int


@dataclass(frozen=True, slots=True)
class RecordsFiltered:
    """No mapping matched these records."""

    topic: str
    records: int = 1


@dataclass(frozen=True, slots=True)
class EventSkipped:
    """A rule of the mapping or a setting excludes this event."""

    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """FullStory accepted `events` events, each after `tries` requests."""

    mapping: str
    tries: int
    events: int = 1


@dataclass(frozen=True, slots=True)
class Answered:
    """FullStory answered a request with `status`; 0 if no response came.

    Not sent for an event that was accepted at the first try: `Delivered` covers it.
    """

    status: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """A request got no response, so it may have been applied; it is retried."""

    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request is retried after `wait_s`."""

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
"""The outcome of a record.

`dead_lettered` if it has any dead letter, else `sent` if any event was delivered, else `filtered`.
"""


@dataclass(frozen=True, slots=True)
class RecordsSettled:
    """Records that mappings matched were settled."""

    topic: str
    outcome: RecordOutcome
    records: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A component does not answer; the bridge pauses and resumes automatically.

    Sent again if the reason changes. `delivery/pauses.py` defines what each reason means.
    """

    component: str
    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The component answers again, or nothing waits for it any more."""

    component: str


@dataclass(frozen=True, slots=True)
class HaltedScope:
    """`scope` is halted until a person acts; `owner` is the contact from the mapping file.

    `scope` is `EVERY_TOPIC`, a description of some topics, or `topic/partition`.
    """

    scope: str
    why: str
    fix: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Draining:
    """The bridge is shutting down: it polls nothing more and finishes what is in flight."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Partitions were assigned to this process."""

    partitions: Sequence[PartitionName]


@dataclass(frozen=True, slots=True)
class Revoked:
    """Partitions were revoked; `lost` if the group had already assigned them elsewhere."""

    partitions: Sequence[PartitionName]
    lost: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """The broker acknowledged a commit for these partitions."""

    partitions: Sequence[PartitionName]


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The broker refused a commit or did not answer; it is retried."""

    why: str


@dataclass(frozen=True, slots=True)
class SchemaMismatch:
    """A mapping does not fit a new schema of `topic`; it rejects the records of that schema."""

    topic: str
    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class Info:
    """Information for the operator; no state changes."""

    message: str


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
    """Receives facts, from any thread; must never raise."""

    def notify(self, fact: Fact) -> None:
        """Receive a fact."""


class ObserverGroup:
    """Notifies several observers; one that declares kinds of facts receives only these."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._notifiers: dict[type[Fact], tuple[Callable[[Fact], None], ...]] = {}

    def notify(self, fact: Fact) -> None:
        """Pass a fact on to each observer, in order."""
        notifiers = self._notifiers.get(type(fact))
        for notify in self.notifiers_for(type(fact)) if notifiers is None else notifiers:
            notify(fact)

    def notifiers_for(self, kind: type[Fact]) -> tuple[Callable[[Fact], None], ...]:
        """Return the `notify` methods for a kind of fact, and cache them."""
        found: list[Callable[[Fact], None]] = []
        for observer in self._observers:
            if isinstance(observer, ObserverGroup):
                found += observer.notifiers_for(kind)
            elif kind in getattr(observer, "listens_to", (kind,)):
                found.append(observer.notify)
        self._notifiers[kind] = tuple(found)
        return self._notifiers[kind]
