"""Kafka's records as the path carries them, and the assignment each of them belongs to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes | None]]


def no_headers() -> Headers | None:
    """A record without headers."""
    return None


class AssignmentEnded(Exception):
    """The partition is no longer ours: whoever has it now delivers the record."""


class Assignment:
    """One stay of one partition with this process; a later stay is another object.

    Invariants: `open` and `in_flight` are touched on the event loop's thread only. A record whose
    assignment is no longer open begins no request, and settling it changes nothing of a later
    assignment of the same partition.
    """

    __slots__ = ("__weakref__", "in_flight", "open", "partition", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.open = True
        self.in_flight = 0
        """What is under way for its records and must be waited for before it is let go."""

    @contextmanager
    def track(self) -> Iterator[None]:
        """Something of a record is under way for the length of the block."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def __repr__(self) -> str:
        state = "open" if self.open else "closing"
        return f"<Assignment {self.topic}/{self.partition} {state}, {self.in_flight} busy>"


class Message(Protocol):
    """A record as Kafka's client gives it: what is not asked for costs nothing."""

    def topic(self) -> str | None: ...  # noqa: D102
    def partition(self) -> int | None: ...  # noqa: D102
    def offset(self) -> int | None: ...  # noqa: D102
    def leader_epoch(self) -> int | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> Headers | None: ...  # noqa: D102


class Record(NamedTuple):
    """One record of Kafka's log, as polled.

    `timestamp_ms` is -1 where Kafka has none. Headers are read lazily (they cost more than
    all else together): use `headers`.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    assignment: Assignment
    read_headers: Callable[[], Headers | None] = no_headers

    @classmethod
    def of(cls, message: Message, assignment: Assignment) -> "Record":
        """The record of a message, which belongs to an assignment."""
        return cls(
            assignment.topic,
            assignment.partition,
            message.offset(),  # type: ignore[arg-type]
            message.timestamp()[1],
            message.key(),
            message.value(),
            assignment,
            message.headers,
        )

    @property
    def headers(self) -> Headers:
        """All headers, in the order in which they were written."""
        return self.read_headers() or ()

    @property
    def place(self) -> str:
        """`topic/partition/offset`: how logs and messages name a record."""
        return f"{self.topic}/{self.partition}/{self.offset}"
