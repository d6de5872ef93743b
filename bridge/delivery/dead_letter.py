"""A record that cannot be delivered, as it stands in the dead-letter topic.

Key, value, headers and timestamp go on as they are. The names of the origin's headers are Kafka
Connect's (`errors.deadletterqueue.context.headers.enable`), all UTF-8 text, so that the tools
people have can read them; what only the bridge knows begins with `fullstory_bridge.`.

Laws: no payload value stands in a header of ours. A record that fails again keeps the header of
its first origin; what it failed of is the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.errors import PoisonRecord
from bridge.records import Record

CONNECT = "__connect.errors."
OURS = "fullstory_bridge."

_ORIGIN = ("topic", "partition", "offset")
_STAGES = {
    "decode": "VALUE_CONVERTER",
    "map": "TRANSFORMATION",
    "build": "TRANSFORMATION",
    "send": "TASK_PUT",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record is a dead letter; `mapping` is None where decoding failed for all of them."""

    stage: str
    reason: str
    message: str
    mapping: str | None = None
    path: str | None = None
    byte_offset: int | None = None
    status: int | None = None
    code: str | None = None

    @classmethod
    def of(cls, error: PoisonRecord, mapping: str | None = None) -> "Failure":
        """The failure that a poison record tells."""
        return cls(
            error.stage,
            error.reason,
            str(error),
            mapping,
            path=error.path,
            byte_offset=error.byte_offset,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is written to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int
    failure: Failure
    place: str


def dead_letter(record: Record, failure: Failure, group: str) -> DeadLetter:
    """The dead letter of a record; `group` is the consumer group that gave it up."""
    kept = [(name, value) for name, value in record.headers if not _replaced(name)]
    told = {name for name, _ in kept}
    origin = [
        (CONNECT + field, str(getattr(record, field)).encode())
        for field in _ORIGIN
        if CONNECT + field not in told
    ]
    return DeadLetter(
        record.key,
        record.value,
        [*kept, *origin, *_causes(failure, group)],
        record.timestamp_ms,
        failure,
        record.place,
    )


def _replaced(name: str) -> bool:
    if name.startswith(OURS):
        return True
    return name.startswith(CONNECT) and name.removeprefix(CONNECT) not in _ORIGIN


def _causes(failure: Failure, group: str) -> list[tuple[str, bytes | None]]:
    facts = {
        CONNECT + "stage": _STAGES[failure.stage],
        CONNECT + "connector.name": group,
        CONNECT + "exception.class.name": f"fullstory_bridge.{failure.reason}",
        CONNECT + "exception.message": failure.message,
        OURS + "stage": failure.stage,
        OURS + "reason": failure.reason,
        OURS + "mapping": failure.mapping,
        OURS + "path": failure.path,
        OURS + "byte_offset": failure.byte_offset,
        OURS + "http.status": failure.status,
        OURS + "http.code": failure.code,
    }
    return [(name, str(fact).encode()) for name, fact in facts.items() if fact is not None]
