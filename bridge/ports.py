"""What the path of a record needs of its neighbours, in Protocols: `pipeline.py` is made of these.

Invariants: no port imports a shell; `app/bridge.py` hands the real ones in, tests and rehearsals
play them.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from bridge.delivery.dead_letter import DeadLetter, DeadLetterContext
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.halts import Mappings, Topics
from bridge.delivery.rejection_rate import RejectionThreshold
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.mapping.runtime.outcome import Event, Outcome
from bridge.observer import Observer
from bridge.records import Assignment, Message, Record
from bridge.workers import Workers

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)

SelectRecords = Callable[[str, Sequence[Message]], Sequence[int]]
"""Topic and messages of it -> by index, which of them somebody may want; the others are skipped.

Called by the poll thread: it never waits and never raises.
"""

Clock = Callable[[], float]
"""What time it is, in seconds since 1970."""


class Source(Protocol):
    """Polls, tracks and commits."""

    def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Batches of tracked records."""
        ...

    def settle(self, record: Record, events: int) -> None:
        """Nothing is left to do for a record, of which `events` events were begun."""
        ...

    def halt(self, topics: Topics) -> None:
        """Read nothing more of these topics; what was read of them and not begun is left."""
        ...


class Mapper(Protocol):
    """The mappings of a topic, compiled for one schema."""

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """What the mappings make of a record."""
        ...


class Decoded(Protocol):
    """A decoded value and the mappings compiled for its schema."""

    @property
    def compiled(self) -> Mapper:
        """The mappings, compiled for the value's schema."""
        ...

    @property
    def value(self) -> object:
        """The value, raw."""
        ...

    @property
    def record_name(self) -> str | None:
        """Full name of the Avro record."""
        ...


class Decoder(Protocol):
    """Decodes values by their writer schemas."""

    def decode(self, record: Record) -> Decoded | None:
        """The value; None when `prepare` must fetch its schema first."""
        ...

    async def prepare(self, record: Record) -> None:
        """Fetch what `decode` lacks."""
        ...


class Sender(Protocol[R_contra]):
    """Sends a request until FullStory has said its last word."""

    async def send(
        self, request: R_contra, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """The final decision, and how many tries it took.

        `events` is how many the record has, 0 when one of them was answered already.
        """
        ...


class DeadLetterWriter(Protocol):
    """Writes dead letters."""

    async def send(self, letter: DeadLetter) -> None:
        """Return when Kafka has acknowledged the letter."""
        ...


@dataclass(frozen=True, slots=True)
class Ports(Generic[R]):
    """What the path is made of; `ages` says when an event is late or too old, `workers` carry.

    `dead_letter_context` is written into dead letters, `mappings` says which topics a halt
    concerns, `rejection_threshold` when one rejects too much.
    """

    source: Source
    decoder: Decoder
    tombstones: Callable[[str], Mapper]
    build: Callable[[Event, Record], R]
    sender: Sender[R]
    dead_letters: DeadLetterWriter
    observer: Observer
    dead_letter_context: DeadLetterContext
    clock: Clock
    mappings: Mappings
    rejection_threshold: RejectionThreshold
    ages: AgeLimits
    workers: Workers[Any] = field(default_factory=Workers)
