"""The log on standard error: JSON lines for machines, text for people.

Invariants:
- No payload value, user id or key is ever logged, and no URL. Lines of librdkafka name brokers.
- Facts about single records are counted, not logged.
- The same warning is logged at most once in ten seconds, with the number of suppressed ones.
- A pause is logged once for each reason. Its end is logged with its duration.
"""

import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from bridge.delivery.pauses import REASONS_MAX, effect_of
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

REPEAT_AFTER_S = 10.0
"""The minimum time between two equal warnings; warnings that differ only in numbers are equal."""

KINDS_MAX = 1_000
"""The number of different warnings to remember; beyond it, all are forgotten and logged again."""


def configure_log(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "text"]
) -> None:
    """Send the log to standard error; `auto` means text for a terminal, else JSON."""
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
    client = logging.getLogger("librdkafka")
    client.setLevel(level.upper())
    client.handlers = [_ClientLogHandler()]


def log_end(counts: Counts) -> None:
    """Log the final counts: the last line of a run."""
    structlog.get_logger().info("ended", **counts.summary())


@dataclass(slots=True)
class _Pause:
    """When it began, and which reasons were logged."""

    since_s: float
    reasons: set[str] = field(default_factory=set)


_NUMBER = re.compile(r"\d+")


class _Repeats:
    """Which kinds of lines were logged lately; lines that differ only in numbers are one kind."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._logged: dict[tuple[str, ...], tuple[float, int]] = {}
        """By kind: when it was last logged, and how many were suppressed since."""

    def suppressed(self, *texts: str) -> int | None:
        """How many lines of this kind were suppressed since the last one; None suppresses this."""
        kind = tuple(_NUMBER.sub("#", text) for text in texts)
        now_s = self._now_s()
        logged_s, suppressed = self._logged.get(kind, (float("-inf"), 0))
        if now_s - logged_s < REPEAT_AFTER_S:
            self._logged[kind] = (logged_s, suppressed + 1)
            return None
        if len(self._logged) >= KINDS_MAX:
            self._logged.clear()
        self._logged[kind] = (now_s, 0)
        return suppressed


class LogObserver:
    """An observer that logs what an operator should know."""

    listens_to: Final = frozenset(
        {Assigned, CommitFailed, DeadLettered, HaltedScope, SchemaMismatch, Info, Resumed, Revoked}
        | {Waiting}
    )

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log: Any = structlog.get_logger()
        self._now_s = now_s
        self._repeats = _Repeats(now_s)
        self._pauses: dict[str, _Pause] = {}

    def notify(self, fact: Fact) -> None:
        """Log a fact if it is of interest."""
        match fact:
            case Assigned(partitions):
                self._log.info("assigned", partitions=_names(partitions))
            case Revoked(partitions, lost):
                self._log.info("lost" if lost else "revoked", partitions=_names(partitions))
            case Waiting(component, why):
                self._paused(component, why)
            case Resumed(component):
                self._resumed(component)
            case CommitFailed(why):
                self._warn("commit failed, retrying", why=why)
            case HaltedScope(scope, why, fix, owner):
                contact = {"owner": owner} if owner else {}
                self._log.error("halted", scope=scope, why=why, fix=fix, **contact)
            case DeadLettered(mapping, stage, reason, place):
                details = {"mapping": mapping or "-", "stage": stage, "reason": reason}
                self._warn("dead letter", **details, newest=place)
            case SchemaMismatch(topic, mapping, why):
                event = "mapping does not fit a new schema"
                self._warn(event, topic=topic, mapping=mapping, why=why)
            case Info(message):
                self._log.info(message)
            case _:
                pass

    def _paused(self, component: str, why: str) -> None:
        """Warn once per pause and reason; reasons that differ only in numbers are equal."""
        pause = self._pauses.setdefault(component, _Pause(self._now_s()))
        kind = _NUMBER.sub("#", why)
        if kind not in pause.reasons and len(pause.reasons) < REASONS_MAX:
            pause.reasons.add(kind)
            fix = effect_of(component, why).fix
            self._log.warning("paused", component=component, why=why, fix=fix)

    def _resumed(self, component: str) -> None:
        pause = self._pauses.pop(component, None)
        if pause is not None:
            duration_s = round(self._now_s() - pause.since_s, 1)
            self._log.info("resumed", component=component, duration_s=duration_s)

    def _warn(self, event: str, newest: str | None = None, **details: str) -> None:
        """Warn, but at most once in ten seconds for equal warnings."""
        suppressed = self._repeats.suppressed(event, *details.values())
        if suppressed is None:
            return
        place = {"newest": newest} if newest else {}
        repeats = {"suppressed": suppressed} if suppressed else {}
        self._log.warning(event, **details, **place, **repeats)


def _names(partitions: Any) -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in partitions]


class _ClientLogHandler(logging.Handler):
    """Writes librdkafka's log lines to the bridge's log, at their level and without repeats."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = _Repeats(time.monotonic)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        suppressed = self._repeats.suppressed(message)
        if suppressed is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            structlog.get_logger().log(record.levelno, "librdkafka", message=message, **more)
