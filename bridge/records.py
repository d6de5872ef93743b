"""Kafka records as the pipeline sees them, and the assignment that each belongs to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes | None]]


def no_headers() -> Headers | None:
    """Return the headers of a record that has none."""
    return None


class AssignmentEnded(Exception):
    """The partition is no longer assigned to this process; its new owner delivers the record."""


class Assignment:
    """One assignment of a partition to this process; a later one is another object.

    Invariants: only the event loop's thread accesses `open` and `in_flight`. If the assignment of
    a record is no longer open, the record starts no request. Settling it does not affect a later
    assignment of the same partition.
    """

    __slots__ = ("__weakref__", "in_flight", "open", "partition", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.open = True
        self.in_flight = 0
        """Operations on its records that must end before the partition is released."""

    @contextmanager
    def track(self) -> Iterator[None]:
        """Count an operation as in flight while the block runs."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def __repr__(self) -> str:
        state = "open" if self.open else "closing"
        return f"<Assignment {self.topic}/{self.partition} {state}, {self.in_flight} busy>"


class Message(Protocol):
    """A record as the Kafka client returns it; fields are read only on demand."""

    def topic(self) -> str | None: ...  # noqa: D102
    def partition(self) -> int | None: ...  # noqa: D102
    def offset(self) -> int | None: ...  # noqa: D102
    def leader_epoch(self) -> int | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> Headers | None: ...  # noqa: D102


class Record(NamedTuple):
    """One record of a Kafka topic, as polled.

    `timestamp_ms` is -1 if Kafka has none. Use `headers` to read the headers: they are read
    lazily, since they cost more than all other fields together.
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
        """Create the record of a message in an assignment."""
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
        """`topic/partition/offset`, as logs and messages name a record."""
        return f"{self.topic}/{self.partition}/{self.offset}"
