"""A record that cannot be delivered, as it stands in the dead-letter topic.

Key, value, headers and timestamp go on as they are. The names of the origin's headers are Kafka
Connect's (`errors.deadletterqueue.context.headers.enable`), all UTF-8 text, so that the tools
people have can read them; what only the bridge knows begins with `fullstory_bridge.`.

Invariants: no payload value stands in a header of ours. A letter that fails again keeps the headers
of its first origin, and its attempts are counted; what it failed of is the newest.
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
"""What a code of FullStory's looks like; anything else could be an echo of the request."""

_COUNT = re.compile(rb"[0-9]{1,9}")
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
class DeadLetterContext:
    """Who gives a record up: the consumer group, and who owns each of its mappings."""

    group: str
    owners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is written to the dead-letter topic; `topic` is where the record was first."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int
    failure: Failure
    topic: str


def dead_letter_topic(template: str, topic: str) -> str:
    """The topic to which the dead letters of a topic go."""
    return template.replace("{topic}", topic)


def dead_letter(
    record: Record, failure: Failure, dead_letter_context: DeadLetterContext, now_s: float
) -> DeadLetter:
    """The dead letter of a record that failed at `now_s`, in seconds since 1970."""
    before = dict(record.headers)
    again = REASON in before  # Connect's headers alone are those of somebody else's failure
    kept = [(name, value) for name, value in record.headers if not _replaced(name, again=again)]
    told = {name for name, _ in kept}
    origin = [
        (CONNECT + part, str(getattr(record, part)).encode())
        for part in ORIGIN
        if CONNECT + part not in told
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
    """How often a letter was given up, by its headers; 0 for a record that is no letter."""
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
