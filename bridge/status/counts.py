"""Counts of facts since the start."""

from collections import Counter
from typing import Any, Final

from bridge.observer import (
    Answered,
    DeadLettered,
    Delivered,
    EventSkipped,
    Fact,
    HaltedScope,
    Polled,
    RecordsFiltered,
    Resumed,
    Retrying,
    SchemaMismatch,
    Unsure,
    Waiting,
)

KINDS_MAX = 100
"""The number of different unexpected answers that are counted separately."""

_THROTTLED = 429


class Counts:
    """An observer that counts facts; any thread may read it."""

    listens_to: Final = frozenset(
        {Answered, DeadLettered, Delivered, RecordsFiltered, HaltedScope, SchemaMismatch}
        | {Polled, Resumed, Retrying, EventSkipped, Unsure, Waiting}
    )

    def __init__(self) -> None:
        self.polled = 0
        self.delivered = 0
        self.filtered = 0
        self.dead_lettered: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.unexpected: Counter[str] = Counter()
        """Answers that are neither a success nor a 429, by status and FullStory error code."""

        self.retries: Counter[str] = Counter()
        self.unsure = 0
        self.waiting_for: dict[str, str] = {}
        self.mismatches: dict[tuple[str, str], str] = {}
        """(topic, mapping) -> why the mapping does not fit a schema of the topic."""

        self.halted: dict[str, str] = {}
        """Scope -> why it is halted."""

    def notify(self, fact: Fact) -> None:
        """Count a fact."""
        match fact:
            case Polled(records):
                self.polled += records
            case RecordsFiltered(_, records):
                self.filtered += records
            case Delivered(_, tries, events):
                self.delivered += events
                self.answers[200] += events if tries == 1 else 0
            case EventSkipped(_, why):
                self.skipped[why] += 1
            case DeadLettered(_, _, reason):
                self.dead_lettered[reason] += 1
            case Answered(status, code):
                self.answers[status] += 1
                if not 200 <= status < 300 and status != _THROTTLED:
                    self._count_unexpected(f"{status or 'none'} {code or ''}".strip())
            case Unsure():
                self.unsure += 1
            case Retrying(_, why):
                self.retries[why] += 1
            case _:
                self._record_state(fact)

    def _count_unexpected(self, kind: str) -> None:
        known = kind in self.unexpected or len(self.unexpected) < KINDS_MAX
        self.unexpected[kind if known else "others"] += 1

    def _record_state(self, fact: Fact) -> None:
        """Record outages, schema mismatches and halts, and why."""
        match fact:
            case Waiting(component, why):
                self.waiting_for[component] = why
            case Resumed(component):
                self.waiting_for.pop(component, None)
            case SchemaMismatch(topic, mapping, why):
                self.mismatches[topic, mapping] = why
            case HaltedScope(scope, why):
                self.halted[scope] = why
            case _:
                pass

    def summary(self) -> dict[str, Any]:
        """Return the counts for a log line; zero counts are left out, except the first two."""
        optional: dict[str, Any] = {
            "filtered": self.filtered,
            "skipped": dict(self.skipped),
            "unexpected_answers": dict(self.unexpected),
            "dead_lettered": dict(self.dead_lettered),
            "misfits": [f"{mapping} on {topic}" for topic, mapping in self.mismatches],
            "halted": list(self.halted),
        }
        present = {name: count for name, count in optional.items() if count}
        return {"polled": self.polled, "delivered": self.delivered, **present}
