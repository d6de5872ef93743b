"""Reads dead letters: parses their headers and selects them by filter. Pure.

Invariants: a record is a dead letter of the bridge only if its headers name a reason and an origin.
Any other record in the topic belongs to another program and is ignored. So are dead letters of
other groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlencode

from bridge.delivery.dead_letter import (
    CONNECT,
    FAILED_AT,
    GROUP,
    MAPPING,
    ORIGIN,
    OURS,
    REASON,
    attempts_of,
)
from bridge.records import Record

_REPLAY: Final = ".replay?"


class DeadLetterRecord(NamedTuple):
    """A dead letter: `record` is as read from the dead-letter topic, `origin` the first record.

    `mapping` is None if the record failed for all mappings. `failed_at_s` is in seconds since 1970;
    if the header is missing, it is the record's timestamp.
    """

    record: Record
    origin: Record
    group: str
    stage: str
    reason: str
    mapping: str | None
    attempts: int
    failed_at_s: float


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects the dead letters of a group; values of one field are alternatives.

    `topics` are the original topics by their names in Kafka. Dead letters match if they failed from
    `since_s` up to, but excluding, `until_s`; both in seconds since 1970.
    """

    group: str
    reasons: frozenset[str] = frozenset()
    mappings: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_s: float | None = None
    until_s: float | None = None

    def matches(self, dead_letter: DeadLetterRecord) -> bool:
        """Whether the filter selects a dead letter."""
        return (
            dead_letter.group == self.group
            and (not self.reasons or dead_letter.reason in self.reasons)
            and (not self.mappings or dead_letter.mapping in self.mappings)
            and (not self.topics or dead_letter.origin.topic in self.topics)
            and (self.since_s is None or dead_letter.failed_at_s >= self.since_s)
            and (self.until_s is None or dead_letter.failed_at_s < self.until_s)
        )

    @property
    def replay_group(self) -> str:
        """The consumer group of a replay, so the same filter resumes where it stopped."""
        parts = (
            *(("reason", reason) for reason in sorted(self.reasons)),
            *(("mapping", mapping) for mapping in sorted(self.mappings)),
            *(("topic", topic) for topic in sorted(self.topics)),
            *(("since", since_s) for since_s in (self.since_s,) if since_s is not None),
            *(("until", until_s) for until_s in (self.until_s,) if until_s is not None),
        )
        return f"{self.group}{_REPLAY}{urlencode(parts)}"

    def of_replay(self, replay_group: str) -> "DeadLetterFilter | None":
        """Parse the filter of a replay from its group name; None if it is not such a name."""
        parts = parse_qs(replay_group.removeprefix(f"{self.group}{_REPLAY}"))
        reasons, mappings, topics = (
            frozenset(parts.get(name, ())) for name in ("reason", "mapping", "topic")
        )
        try:
            since_s, until_s = (_seconds(parts.get(name)) for name in ("since", "until"))
        except ValueError:
            return None
        found = DeadLetterFilter(self.group, reasons, mappings, topics, since_s, until_s)
        return found if found.replay_group == replay_group else None


def read_dead_letter(record: Record) -> DeadLetterRecord | None:
    """Parse a record of the dead-letter topic; None if the bridge did not write it."""
    headers = dict(record.headers)
    topic, partition, offset = (_text(headers, CONNECT + part) for part in ORIGIN)
    reason = _text(headers, REASON)
    if reason is None or topic is None or not _is_number(partition) or not _is_number(offset):
        return None
    return DeadLetterRecord(
        record,
        record._replace(topic=topic, partition=int(partition or 0), offset=int(offset or 0)),
        _text(headers, GROUP) or "",
        _text(headers, OURS + "stage") or "",
        reason,
        _text(headers, MAPPING),
        attempts_of(headers),
        _failed_at_s(headers, record.timestamp_ms),
    )


def _text(headers: Mapping[str, bytes | None], name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("utf-8", "replace")


def _is_number(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isdigit() and len(text) < 20


def _failed_at_s(headers: Mapping[str, bytes | None], timestamp_ms: int) -> float:
    try:
        return datetime.fromisoformat(_text(headers, FAILED_AT) or "").timestamp()
    except ValueError:
        return max(timestamp_ms, 0) / 1000


def _seconds(texts: Sequence[str] | None) -> float | None:
    return None if texts is None else float(texts[0])
