"""The log on standard error: JSON lines for machines, text for people.

Invariants: no payload value, user id, URL or key is ever logged. What happens for every record is
counted, not logged; the same trouble is logged once in ten seconds, with how often it came. A
pause is logged once for each of its reasons, and its end with how long it stood.
"""

import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from bridge.delivery.pauses import REASONS_MAX, reason_for
from bridge.observer import (
    Assigned,
    CommitFailed,
    DeadLettered,
    Fact,
    HaltedScope,
    Info,
    Resumed,
    Revoked,
    SchemaMismatch,
    Waiting,
)
from bridge.status.counts import Counts

SAME_AGAIN_AFTER_S = 10.0
"""Troubles that differ in numbers only (a port, a duration) are the same."""

KINDS_MAX = 1_000
"""Different troubles remembered at one time; past that all are forgotten and told anew."""


def configure_log(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "text"]
) -> None:
    """Send the log to standard error; `auto` is text for a terminal and JSON for all else."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # librdkafka tells its troubles by callback too, which is where we hear them, once.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)


def log_end(counts: Counts) -> None:
    """Say what came of everything: the last line of a run."""
    structlog.get_logger().info("ended", **counts.summary())


@dataclass(slots=True)
class _Pause:
    """Since when it stands, and which reasons were logged."""

    since_s: float
    reasons: set[str] = field(default_factory=set)


_NUMBER = re.compile(r"\d+")


class LogObserver:
    """An observer that logs what a person should know."""

    listens_to: Final = frozenset(
        {Assigned, CommitFailed, DeadLettered, HaltedScope, SchemaMismatch, Info, Resumed, Revoked}
        | {Waiting}
    )

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log: Any = structlog.get_logger()
        self._now_s = now_s
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}
        self._pauses: dict[str, _Pause] = {}

    def notify(self, fact: Fact) -> None:
        """Log a fact, or nothing."""
        match fact:
            case Assigned(partitions):
                self._log.info("assigned", partitions=_names(partitions))
            case Revoked(partitions, lost):
                self._log.info("lost" if lost else "revoked", partitions=_names(partitions))
            case Waiting(what, why):
                self._paused(what, why)
            case Resumed(what):
                self._resumed(what)
            case CommitFailed(why):
                self._trouble("commit failed, trying again", why=why)
            case HaltedScope(scope, why, fix, owner):
                whom = {"owner": owner} if owner else {}
                self._log.error("halted", scope=scope, why=why, fix=fix, **whom)
            case DeadLettered(mapping, stage, reason, place):
                said = {"mapping": mapping or "-", "stage": stage, "reason": reason}
                self._trouble("dead letter", **said, newest=place)
            case SchemaMismatch(topic, mapping, why):
                event = "mapping does not fit a new schema"
                self._trouble(event, topic=topic, mapping=mapping, why=why)
            case Info(what):
                self._log.info(what)
            case _:
                pass

    def _paused(self, what: str, why: str) -> None:
        """Warn, once in a pause for each reason; those that differ in numbers only are the same."""
        pause = self._pauses.setdefault(what, _Pause(self._now_s()))
        kind = _NUMBER.sub("#", why)
        if kind not in pause.reasons and len(pause.reasons) < REASONS_MAX:
            pause.reasons.add(kind)
            self._log.warning("paused", what=what, why=why, fix=reason_for(what, why).fix)

    def _resumed(self, what: str) -> None:
        pause = self._pauses.pop(what, None)
        if pause is not None:
            stood_s = round(self._now_s() - pause.since_s, 1)
            self._log.info("resumed", what=what, stood_s=stood_s)

    def _trouble(self, event: str, newest: str | None = None, **said: str) -> None:
        """Warn, but the same at most once in ten seconds."""
        kind = (event, *(_NUMBER.sub("#", text) for text in said.values()))
        now_s = self._now_s()
        last_s, more = self._told.get(kind, (float("-inf"), 0))
        if now_s - last_s < SAME_AGAIN_AFTER_S:
            self._told[kind] = (last_s, more + 1)
            return
        if len(self._told) >= KINDS_MAX:
            self._told.clear()
        self._told[kind] = (now_s, 0)
        where = {"newest": newest} if newest else {}
        self._log.warning(event, **said, **where, **({"more_before": more} if more else {}))


def _names(partitions: Any) -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in partitions]
