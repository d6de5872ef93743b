"""The current abnormal conditions: since when, why, and how to fix them.

Invariants:
- A process is live while its poll thread runs. Failures of other machines do not change that,
  since a restart would not fix them.
- A process is not ready if a rollout must not continue past it: it starts, it drains, everything
  is halted, or its key is refused. A condition that ends without a person leaves it ready, but
  degraded.
- No condition contains a payload value, user id or key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bridge.delivery.pauses import FULLSTORY, effect_of
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

HEARTBEAT_TIMEOUT_S = 60.0
"""A poll thread without a heartbeat for this long counts as stuck; its own waits are shorter."""

THROTTLED_FOR_S = 10.0
"""How long after the last 429 the bridge counts as throttled."""

State = Literal["starting", "draining", "paused", "throttled", "halted", "idle"]
Readiness = Literal["ready", "degraded", "not ready"]

_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class StatusCondition:
    """An abnormal state of a component; `since_s` is a time of the clock of `Conditions`.

    `scope` is what it affects, and `owner` the contact that the mapping file names.
    """

    component: str
    state: State
    scope: str
    since_s: float
    why: str
    fix: str
    owner: str | None = None
    ready: bool = True


class Conditions:
    """An observer that derives the current conditions from facts; any thread may use it."""

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
        self._started_s = now_s()
        self._heartbeat_s: float | None = None
        self._draining_s: float | None = None
        self._without_partitions_s = 0.0
        self._partitions: frozenset[PartitionName] = frozenset()
        self._waiting: dict[str, tuple[float, str]] = {}
        self._halted: dict[str, tuple[float, HaltedScope]] = {}
        self._throttled: tuple[float, float] | None = None
        """The time of the first and of the last 429."""

        self._answered_s = self._started_s

    @property
    def partitions(self) -> frozenset[PartitionName]:
        """The partitions that the group assigned to this process."""
        return self._partitions

    def notify(self, fact: Fact) -> None:
        """Update the conditions."""
        match fact:
            case Answered() | Delivered():
                self._record_answer(fact.status if isinstance(fact, Answered) else 200)
            case PollLoopTick():
                self._record_heartbeat()
            case Waiting(component, why):
                since_s, _ = self._waiting.get(component, (self._now_s(), ""))
                self._waiting[component] = since_s, why
            case Resumed(component):
                self._waiting.pop(component, None)
            case HaltedScope(scope):
                self._halted.setdefault(scope, (self._now_s(), fact))
            case Draining():
                self._draining_s = self._now_s()
            case Assigned(partitions):
                self._set_partitions(self._partitions | set(partitions))
            case Revoked(partitions):
                self._set_partitions(self._partitions - set(partitions))
                for topic, partition in partitions:
                    self._halted.pop(f"{topic}/{partition}", None)
            case _:
                pass

    def is_live(self, now_s: float) -> bool:
        """Whether the poll thread runs, or has not started because startup still waits."""
        return self._heartbeat_s is None or now_s - self._heartbeat_s <= HEARTBEAT_TIMEOUT_S

    def readiness(self, now_s: float) -> Readiness:
        """Whether a rollout may continue past this process."""
        conditions = self.all(now_s)
        if not all(condition.ready for condition in conditions):
            return "not ready"
        return "degraded" if conditions else "ready"

    @property
    def is_fully_halted(self) -> bool:
        """Whether all topics are halted until a person acts."""
        return EVERY_TOPIC in self._halted

    def all(self, now_s: float) -> list[StatusCondition]:
        """All current conditions, oldest first."""
        found = [self._of_process(), self._throttle(now_s), self._without_partitions()]
        found += [_pause(component, *state) for component, state in list(self._waiting.items())]
        found += [_halt(*state) for state in list(self._halted.values())]
        present = (condition for condition in found if condition is not None)
        return sorted(present, key=lambda condition: condition.since_s)

    def _record_answer(self, status: int) -> None:
        now_s = self._now_s()
        if status == _TOO_MANY:
            starts = self._throttled is None or not self._is_throttled(now_s)
            since_s = now_s if starts or self._throttled is None else self._throttled[0]
            self._throttled = since_s, now_s
        elif status:
            self._answered_s = now_s

    def _is_throttled(self, now_s: float) -> bool:
        """A 429 counts for 10 s, or longer with no answer since: `Retry-After` may apply."""
        if self._throttled is None:
            return False
        last_s = self._throttled[1]
        silent = self._answered_s <= last_s
        return now_s - last_s < THROTTLED_FOR_S + (RETRY_AFTER_MAX_S if silent else 0.0)

    def _record_heartbeat(self) -> None:
        if self._heartbeat_s is None:
            self._without_partitions_s = self._now_s()
        self._heartbeat_s = self._now_s()

    def _set_partitions(self, partitions: frozenset[PartitionName]) -> None:
        if self._partitions and not partitions:
            self._without_partitions_s = self._now_s()
        self._partitions = partitions

    def _of_process(self) -> StatusCondition | None:
        if self._draining_s is not None:
            why = "it is shutting down, and finishes what is in flight"
            fix = "none needed: it ends within `delivery.shutdown_drain_s`"
            return _not_ready("draining", self._draining_s, why, fix)
        if self._heartbeat_s is None:
            why = "it is connecting to Kafka and checking the newest schemas; it reads nothing yet"
            fix = "none needed, unless another condition shows what it waits for"
            return _not_ready("starting", self._started_s, why, fix)
        return None

    def _throttle(self, now_s: float) -> StatusCondition | None:
        if self._throttled is None or not self._is_throttled(now_s):
            return None
        why = "FullStory limits the request rate (429)"
        fix = "none needed; if it lasts, ask FullStory for a higher limit for the account"
        return StatusCondition(FULLSTORY, "throttled", EVERY_TOPIC, self._throttled[0], why, fix)

    def _without_partitions(self) -> StatusCondition | None:
        if self._partitions or self._heartbeat_s is None or self._draining_s is not None:
            return None
        why = "the group assigned no partition to this process"
        fix = "none needed for a standby; more processes than partitions add nothing"
        return StatusCondition(
            "group", "idle", "this process", self._without_partitions_s, why, fix
        )


def _pause(component: str, since_s: float, why: str) -> StatusCondition:
    reason = effect_of(component, why)
    fix, ready = reason.fix, reason.ready
    return StatusCondition(component, "paused", reason.scope, since_s, why, fix, ready=ready)


def _not_ready(state: State, since_s: float, why: str, fix: str) -> StatusCondition:
    return StatusCondition("bridge", state, EVERY_TOPIC, since_s, why, fix, ready=False)


def _halt(since_s: float, halted: HaltedScope) -> StatusCondition:
    ready = halted.scope != EVERY_TOPIC
    scope, why, fix, owner = halted.scope, halted.why, halted.fix, halted.owner
    return StatusCondition(scope, "halted", scope, since_s, why, fix, owner, ready)
