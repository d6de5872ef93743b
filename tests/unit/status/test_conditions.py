"""Current conditions and readiness, derived from tables of facts."""

from collections.abc import Sequence

import pytest

from bridge.observer import (
    EVERY_TOPIC,
    Answered,
    Assigned,
    Committed,
    Delivered,
    Draining,
    Fact,
    HaltedScope,
    Polled,
    PollLoopTick,
    Resumed,
    Revoked,
    Waiting,
)
from bridge.status.conditions import (
    HEARTBEAT_TIMEOUT_S,
    THROTTLED_FOR_S,
    Conditions,
    StatusCondition,
)

ASSIGNED = Assigned([("t", 0), ("t", 1)])
RUNNING: Sequence[Fact] = (PollLoopTick(), ASSIGNED)
HALT = HaltedScope("the topic t", "invalid_uid", "change it", "the shop")
FULL_HALT = HaltedScope(EVERY_TOPIC, "nobody_is_known", "ask")
LEFT_THE_LOG = HaltedScope("t/1", "left the log", "reset")


class Time:
    """A manual clock, and the conditions that use it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.conditions = Conditions(lambda: self.now_s)

    def notify(self, *facts: Fact, after_s: float = 1.0) -> None:
        """Send facts, each `after_s` later than the one before."""
        for fact in facts:
            self.now_s += after_s
            self.conditions.notify(fact)

    @property
    def all(self) -> list[StatusCondition]:
        """The current conditions."""
        return self.conditions.all(self.now_s)

    @property
    def states(self) -> list[tuple[str, str]]:
        """The component and state of each condition."""
        return [(condition.component, condition.state) for condition in self.all]


@pytest.fixture
def time() -> Time:
    """Return a manual clock with conditions."""
    return Time()


@pytest.mark.parametrize(
    ("facts", "states", "readiness"),
    [
        ([], [("bridge", "starting")], "not ready"),
        (
            [Waiting("kafka", "no answer")],
            [("bridge", "starting"), ("kafka", "paused")],
            "not ready",
        ),
        ([Waiting("kafka", "no"), Resumed("kafka")], [("bridge", "starting")], "not ready"),
        ([PollLoopTick()], [("group", "idle")], "degraded"),
        ([*RUNNING], [], "ready"),
        ([*RUNNING, PollLoopTick(), Polled(9), Delivered("m", 1), Answered(200)], [], "ready"),
        ([*RUNNING, Revoked([("t", 0)], False)], [], "ready"),
        ([*RUNNING, Revoked([("t", 0), ("t", 1)], True)], [("group", "idle")], "degraded"),
        ([*RUNNING, Waiting("fullstory", "status_503")], [("fullstory", "paused")], "degraded"),
        ([*RUNNING, Waiting("fullstory", "timeout")], [("fullstory", "paused")], "degraded"),
        ([*RUNNING, Waiting("fullstory", "quota_used_up")], [("fullstory", "paused")], "degraded"),
        ([*RUNNING, Waiting("fullstory", "key_refused")], [("fullstory", "paused")], "not ready"),
        (
            [*RUNNING, Waiting("fullstory", "status_503"), Waiting("fullstory", "key_refused")],
            [("fullstory", "paused")],
            "not ready",
        ),
        ([*RUNNING, Waiting("fullstory", "key_refused"), Resumed("fullstory")], [], "ready"),
        ([*RUNNING, Waiting("kafka", "down")], [("kafka", "paused")], "degraded"),
        ([*RUNNING, Waiting("kafka topic t", "no")], [("kafka topic t", "paused")], "degraded"),
        ([*RUNNING, Waiting("schema registry", "no")], [("schema registry", "paused")], "degraded"),
        (
            [*RUNNING, Waiting("dead-letter topic", "no")],
            [("dead-letter topic", "paused")],
            "degraded",
        ),
        ([*RUNNING, Answered(429)], [("fullstory", "throttled")], "degraded"),
        ([*RUNNING, HALT], [("the topic t", "halted")], "degraded"),
        ([*RUNNING, LEFT_THE_LOG], [("t/1", "halted")], "degraded"),
        ([*RUNNING, FULL_HALT], [(EVERY_TOPIC, "halted")], "not ready"),
        (
            [*RUNNING, HALT, FULL_HALT],
            [("the topic t", "halted"), (EVERY_TOPIC, "halted")],
            "not ready",
        ),
        ([*RUNNING, Draining()], [("bridge", "draining")], "not ready"),
        ([Draining()], [("bridge", "draining")], "not ready"),
        (
            [*RUNNING, Draining(), Revoked(ASSIGNED.partitions, False)],
            [("bridge", "draining")],
            None,
        ),
        ([*RUNNING, Committed([("t", 0)])], [], "ready"),
    ],
)
def test_facts_determine_the_conditions_and_the_readiness(
    time: Time, facts: list[Fact], states: list[tuple[str, str]], readiness: str | None
) -> None:
    """Not ready while starting, draining, fully halted, or with a refused key."""
    time.notify(*facts)
    assert time.states == states
    assert time.conditions.readiness(time.now_s) == (readiness or "not ready")


def test_a_pause_has_its_start_time_and_the_newest_reason_and_fix(time: Time) -> None:
    """A second outage has a new start time."""
    time.notify(*RUNNING, Waiting("fullstory", "status_503"))
    started_s = time.now_s
    time.notify(Waiting("fullstory", "key_refused"), after_s=60)
    [condition] = time.all
    assert (condition.since_s, condition.why) == (started_s, "key_refused")
    assert "fullstory.key" in condition.fix
    assert condition.scope == EVERY_TOPIC

    time.notify(Resumed("fullstory"), Waiting("fullstory", "timeout"))
    [condition] = time.all
    assert (condition.since_s, condition.why) == (time.now_s, "timeout")


def test_a_halt_has_its_fix_its_owner_and_the_time_of_the_first_report(
    time: Time,
) -> None:
    """A repeated report changes nothing."""
    time.notify(*RUNNING, HALT)
    halted_s = time.now_s
    time.notify(HaltedScope("the topic t", "another", "another"))
    assert time.all == [
        StatusCondition(
            "the topic t", "halted", "the topic t", halted_s, "invalid_uid", "change it", "the shop"
        )
    ]
    assert not time.conditions.is_fully_halted
    time.notify(FULL_HALT)
    assert time.conditions.is_fully_halted


def test_the_halt_of_a_partition_ends_when_the_partition_is_revoked(time: Time) -> None:
    """Its next owner reports it; topics halted by a mapping stay halted."""
    time.notify(*RUNNING, LEFT_THE_LOG, HALT)
    time.notify(Revoked([("t", 0)], False))
    assert time.states == [("t/1", "halted"), ("the topic t", "halted")]
    time.notify(Assigned([("t", 0)]), Revoked([("t", 1)], True))
    assert time.states == [("the topic t", "halted")]


def test_a_process_is_idle_since_its_last_partition_was_revoked(time: Time) -> None:
    """Or since the first heartbeat, if none was assigned yet."""
    time.notify(PollLoopTick())
    started_s = time.now_s
    time.notify(PollLoopTick(), PollLoopTick())
    assert [condition.since_s for condition in time.all] == [started_s]
    time.notify(ASSIGNED, Revoked([("t", 0)], False), Revoked([("t", 1)], False))
    revoked_s = time.now_s
    time.notify(Revoked([("t", 1)], False))
    assert [condition.since_s for condition in time.all] == [revoked_s]
    assert time.conditions.partitions == frozenset()


def test_a_series_of_429s_is_one_condition_which_ends_after_them(time: Time) -> None:
    """Accepted events in between do not end it; ten seconds without a 429 do."""
    time.notify(*RUNNING, Answered(429))
    started_s = time.now_s
    time.notify(*[Answered(200), Answered(429)] * 3, after_s=THROTTLED_FOR_S / 2 - 0.1)
    assert [(each.state, each.since_s) for each in time.all] == [("throttled", started_s)]

    time.notify(Answered(200), after_s=THROTTLED_FOR_S - 0.1)
    assert time.states == [("fullstory", "throttled")]
    time.now_s += 0.1
    assert time.states == []

    time.notify(Answered(429))
    assert [condition.since_s for condition in time.all] == [time.now_s]


def test_a_429_without_a_later_answer_counts_for_the_longest_retry_after(
    time: Time,
) -> None:
    """`Retry-After` is at most 300 s; a timeout is no answer."""
    time.notify(*RUNNING, Answered(429), Answered(0, "timeout"))
    time.now_s += 300
    assert time.states == [("fullstory", "throttled")]
    time.now_s += THROTTLED_FOR_S
    assert time.states == []


@pytest.mark.parametrize(
    ("silent_s", "live"), [(HEARTBEAT_TIMEOUT_S, True), (HEARTBEAT_TIMEOUT_S + 1, False)]
)
def test_a_process_is_live_if_its_poll_thread_ran_within_a_minute(
    time: Time, silent_s: float, live: bool
) -> None:
    """Whatever the conditions, and even if Kafka delivers nothing."""
    time.notify(*RUNNING, FULL_HALT, Waiting("kafka", "down"))
    time.notify(PollLoopTick())
    time.now_s += silent_s
    assert time.conditions.is_live(time.now_s) is live
    time.notify(PollLoopTick())
    assert time.conditions.is_live(time.now_s)


def test_a_bridge_that_waits_at_startup_is_live(time: Time) -> None:
    """Its poll thread has not started; a restart would not help."""
    time.notify(Waiting("kafka", "no answer"))
    time.now_s += 3_600
    assert time.conditions.is_live(time.now_s)
    assert time.conditions.readiness(time.now_s) == "not ready"
