"""Turns a record that cannot be delivered into a dead letter.

Key, value, headers and timestamp are unchanged. The headers for the origin have Kafka Connect's
names (`errors.deadletterqueue.context.headers.enable`) and UTF-8 text values, so existing tools
can read them. Headers that only the bridge knows start with `fullstory_bridge.`.

Invariants:
- The headers that the bridge adds contain no payload value.
- A dead letter that fails again keeps the headers of its first origin and counts its attempts; its
  reason is that of the latest failure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.errors import PoisonRecord
from bridge.records import Record

CONNECT = "__connect.errors."
OURS = "fullstory_bridge."
GROUP = CONNECT + "connector.name"
MAPPING = OURS + "mapping"
REASON = OURS + "reason"
FAILED_AT = OURS + "failed_at"
ATTEMPTS = OURS + "attempts"

ORIGIN = ("topic", "partition", "offset")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
"""The format of FullStory's codes; anything else could be an echo of the request."""

_COUNT = re.compile(rb"[0-9]{1,9}")
_STAGES = {
    "decode": "VALUE_CONVERTER",
    "map": "TRANSFORMATION",
    "build": "TRANSFORMATION",
    "send": "TASK_PUT",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record is a dead letter; `mapping` is None if decoding failed for all mappings."""

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
        """Create the failure from a `PoisonRecord` error."""
        return cls(
            error.stage,
            error.reason,
            str(error),
            mapping,
            path=error.path,
            byte_offset=error.byte_offset,
        )


@dataclass(frozen=True, slots=True)
class DeadLetterContext:
    """The consumer group that writes dead letters, and the owner of each mapping."""

    group: str
    owners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is written to the dead-letter topic; `topic` is the record's original topic."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int
    failure: Failure
    topic: str


def dead_letter_topic(template: str, topic: str) -> str:
    """The dead-letter topic of a topic."""
    return template.replace("{topic}", topic)


def dead_letter(
    record: Record, failure: Failure, dead_letter_context: DeadLetterContext, now_s: float
) -> DeadLetter:
    """The dead letter of a record that failed at `now_s`, in seconds since 1970."""
    before = dict(record.headers)
    again = REASON in before  # with Connect's headers only, another program wrote the dead letter
    kept = [(name, value) for name, value in record.headers if not _replaced(name, again=again)]
    kept_names = {name for name, _ in kept}
    origin = [
        (CONNECT + part, str(getattr(record, part)).encode())
        for part in ORIGIN
        if CONNECT + part not in kept_names
    ]
    causes = _causes(failure, dead_letter_context, now_s, attempts_of(before) + 1)
    return DeadLetter(
        record.key,
        record.value,
        [*kept, *origin, *causes],
        record.timestamp_ms,
        failure,
        record.topic,
    )


def attempts_of(headers: Mapping[str, bytes | None]) -> int:
    """How often a dead letter failed, by its headers; 0 for a record that is no dead letter."""
    if REASON not in headers:
        return 0
    match = _COUNT.fullmatch(headers.get(ATTEMPTS) or b"")
    return int(match[0]) if match is not None else 1


def _replaced(name: str, *, again: bool) -> bool:
    if name.startswith(OURS):
        return True
    if not name.startswith(CONNECT):
        return False
    return not (again and name.removeprefix(CONNECT) in ORIGIN)


def _causes(
    failure: Failure, dead_letter_context: DeadLetterContext, now_s: float, attempts: int
) -> list[tuple[str, bytes | None]]:
    moment = datetime.fromtimestamp(now_s, UTC)
    code = failure.code if _CODE.fullmatch(failure.code or "") else None
    facts = {
        CONNECT + "stage": _STAGES[failure.stage],
        GROUP: dead_letter_context.group,
        CONNECT + "exception.class.name": f"fullstory_bridge.{failure.reason}",
        CONNECT + "exception.message": failure.message,
        OURS + "stage": failure.stage,
        REASON: failure.reason,
        MAPPING: failure.mapping,
        OURS + "owner": dead_letter_context.owners.get(failure.mapping or ""),
        OURS + "path": failure.path,
        OURS + "byte_offset": failure.byte_offset,
        OURS + "http.status": failure.status,
        OURS + "http.code": code,
        FAILED_AT: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        ATTEMPTS: attempts,
    }
    return [(name, str(fact).encode()) for name, fact in facts.items() if fact is not None]
