"""What is not as it should be now: since when, why, and what a person can do about it.

Invariants:
- Live is a process whose poll thread turns; nothing that another machine does makes it dead,
  since a restart would mend nothing.
- Not ready is a process that a rollout must not go past: one that starts, drains, stands still
  as a whole, or whose key is refused. Whatever goes on by itself is ready, and degraded.
- No payload value, user id or key is in a condition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bridge.delivery.pauses import FULLSTORY, reason_for
from bridge.delivery.response_classifier import RETRY_AFTER_MAX_S
from bridge.observer import (
    EVERY_TOPIC,
    Answered,
    Assigned,
    Delivered,
    Draining,
    Fact,
    HaltedScope,
    PartitionName,
    PollLoopTick,
    Resumed,
    Revoked,
    Waiting,
)

BEAT_WITHIN_S = 60.0
"""A poll thread that turns no more for so long is taken for stuck; its own waits are shorter."""

THROTTLED_FOR_S = 10.0
"""So long after the last 429 the account's limit is taken for what slows the bridge down."""

State = Literal["starting", "draining", "paused", "throttled", "halted", "idle"]
Readiness = Literal["ready", "degraded", "not ready"]

_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class StatusCondition:
    """Something that is not as it should be; `since_s` is the time of the clock handed in.

    `what` it lies with, the `scope` that it concerns, the `owner` whom a mapping's file names.
    """

    what: str
    state: State
    scope: str
    since_s: float
    why: str
    fix: str
    owner: str | None = None
    ready: bool = True


class Conditions:
    """An observer that knows what holds now; told from any thread, asked from any thread."""

    listens_to: Final = frozenset(
        {
            Answered,
            Assigned,
            PollLoopTick,
            Delivered,
            Draining,
            HaltedScope,
            Resumed,
            Revoked,
            Waiting,
        }
    )

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._begun_s = now_s()
        self._beat_s: float | None = None
        self._draining_s: float | None = None
        self._without_partitions_s = 0.0
        self._partitions: frozenset[PartitionName] = frozenset()
        self._waiting: dict[str, tuple[float, str]] = {}
        self._halted: dict[str, tuple[float, HaltedScope]] = {}
        self._throttled: tuple[float, float] | None = None
        """Since when, and the last 429."""

        self._answered_s = self._begun_s

    @property
    def partitions(self) -> frozenset[PartitionName]:
        """What the group has given to this process."""
        return self._partitions

    def notify(self, fact: Fact) -> None:
        """Take note of a fact."""
        match fact:
            case Answered() | Delivered():
                self._answered(fact.status if isinstance(fact, Answered) else 200)
            case PollLoopTick():
                self._beats()
            case Waiting(what, why):
                since_s = self._waiting[what][0] if what in self._waiting else self._now_s()
                self._waiting[what] = since_s, why
            case Resumed(what):
                self._waiting.pop(what, None)
            case HaltedScope(scope):
                self._halted.setdefault(scope, (self._now_s(), fact))
            case Draining():
                self._draining_s = self._now_s()
            case Assigned(partitions):
                self._hold(self._partitions | set(partitions))
            case Revoked(partitions):
                self._hold(self._partitions - set(partitions))
                for topic, partition in partitions:
                    self._halted.pop(f"{topic}/{partition}", None)
            case _:
                pass

    def is_live(self, now_s: float) -> bool:
        """Whether the poll thread turns, or has not begun to: then something is waited for."""
        return self._beat_s is None or now_s - self._beat_s <= BEAT_WITHIN_S

    def readiness(self, now_s: float) -> Readiness:
        """What a rollout may make of it."""
        conditions = self.all(now_s)
        if not all(condition.ready for condition in conditions):
            return "not ready"
        return "degraded" if conditions else "ready"

    @property
    def is_wholly_halted(self) -> bool:
        """Whether nothing goes on until a person has acted."""
        return EVERY_TOPIC in self._halted

    def all(self, now_s: float) -> list[StatusCondition]:
        """Everything that holds now, what began first in front."""
        found = [self._of_the_process(), self._throttle(now_s), self._nothing_to_read()]
        found += [self._paused(what, *told) for what, told in list(self._waiting.items())]
        found += [_halt(*told) for told in list(self._halted.values())]
        return sorted((one for one in found if one is not None), key=lambda one: one.since_s)

    def _answered(self, status: int) -> None:
        now_s = self._now_s()
        if status == _TOO_MANY:
            began = self._throttled is None or not self._is_throttled(now_s)
            since_s = now_s if began or self._throttled is None else self._throttled[0]
            self._throttled = since_s, now_s
        elif status:
            self._answered_s = now_s

    def _is_throttled(self, now_s: float) -> bool:
        """A 429 counts for a while; longer while nothing else was answered since, as told to."""
        if self._throttled is None:
            return False
        last_s = self._throttled[1]
        silent = self._answered_s <= last_s
        return now_s - last_s < THROTTLED_FOR_S + (RETRY_AFTER_MAX_S if silent else 0.0)

    def _beats(self) -> None:
        if self._beat_s is None:
            self._without_partitions_s = self._now_s()
        self._beat_s = self._now_s()

    def _hold(self, partitions: frozenset[PartitionName]) -> None:
        if self._partitions and not partitions:
            self._without_partitions_s = self._now_s()
        self._partitions = partitions

    def _of_the_process(self) -> StatusCondition | None:
        if self._draining_s is not None:
            why = "it was told to end, and sees through what it began"
            fix = "none is needed: it ends by itself, within `delivery.shutdown_drain_s`"
            return _not_ready("draining", self._draining_s, why, fix)
        if self._beat_s is None:
            why = "it reads nothing yet: Kafka is asked, and the newest schemas are checked"
            fix = "none is needed, unless it waits for something: then that is told beside this"
            return _not_ready("starting", self._begun_s, why, fix)
        return None

    def _throttle(self, now_s: float) -> StatusCondition | None:
        if self._throttled is None or not self._is_throttled(now_s):
            return None
        why = "FullStory takes no more for the moment (429)"
        fix = "none is needed; if it lasts, ask FullStory for a higher limit of the account"
        return StatusCondition(FULLSTORY, "throttled", EVERY_TOPIC, self._throttled[0], why, fix)

    def _nothing_to_read(self) -> StatusCondition | None:
        if self._partitions or self._beat_s is None or self._draining_s is not None:
            return None
        why = "the group has given this process no partition"
        fix = "none is needed for a spare; more processes than partitions add nothing"
        return StatusCondition(
            "group", "idle", "this process", self._without_partitions_s, why, fix
        )

    def _paused(self, what: str, since_s: float, why: str) -> StatusCondition:
        reason = reason_for(what, why)
        fix, ready = reason.fix, reason.ready
        return StatusCondition(what, "paused", reason.scope, since_s, why, fix, ready=ready)


def _not_ready(state: State, since_s: float, why: str, fix: str) -> StatusCondition:
    return StatusCondition("bridge", state, EVERY_TOPIC, since_s, why, fix, ready=False)


def _halt(since_s: float, told: HaltedScope) -> StatusCondition:
    ready = told.scope != EVERY_TOPIC
    scope, why, fix, owner = told.scope, told.why, told.fix, told.owner
    return StatusCondition(scope, "halted", scope, since_s, why, fix, owner, ready)
