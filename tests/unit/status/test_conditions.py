"""What holds now, and what an orchestrator may make of it: tables of facts in, conditions out."""

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
from bridge.status.conditions import BEAT_WITHIN_S, THROTTLED_FOR_S, Conditions, StatusCondition

GIVEN = Assigned([("t", 0), ("t", 1)])
AT_WORK: Sequence[Fact] = (PollLoopTick(), GIVEN)
HALT = HaltedScope("the topic t", "invalid_uid", "mend it", "the shop")
WHOLE = HaltedScope(EVERY_TOPIC, "nobody_is_known", "ask")
LEFT_THE_LOG = HaltedScope("t/1", "left the log", "reset")


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.conditions = Conditions(lambda: self.now_s)

    def notify(self, *facts: Fact, after_s: float = 1.0) -> None:
        """Tell facts, each some time after the one before."""
        for fact in facts:
            self.now_s += after_s
            self.conditions.notify(fact)

    @property
    def all(self) -> list[StatusCondition]:
        """What holds now."""
        return self.conditions.all(self.now_s)

    @property
    def states(self) -> list[tuple[str, str]]:
        """What it lies with, and its state."""
        return [(one.what, one.state) for one in self.all]


@pytest.fixture
def time() -> Time:
    """A clock and the conditions that look at it."""
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
        ([*AT_WORK], [], "ready"),
        ([*AT_WORK, PollLoopTick(), Polled(9), Delivered("m", 1), Answered(200)], [], "ready"),
        ([*AT_WORK, Revoked([("t", 0)], False)], [], "ready"),
        ([*AT_WORK, Revoked([("t", 0), ("t", 1)], True)], [("group", "idle")], "degraded"),
        ([*AT_WORK, Waiting("fullstory", "status_503")], [("fullstory", "paused")], "degraded"),
        ([*AT_WORK, Waiting("fullstory", "timeout")], [("fullstory", "paused")], "degraded"),
        ([*AT_WORK, Waiting("fullstory", "quota_used_up")], [("fullstory", "paused")], "degraded"),
        ([*AT_WORK, Waiting("fullstory", "key_refused")], [("fullstory", "paused")], "not ready"),
        (
            [*AT_WORK, Waiting("fullstory", "status_503"), Waiting("fullstory", "key_refused")],
            [("fullstory", "paused")],
            "not ready",
        ),
        ([*AT_WORK, Waiting("fullstory", "key_refused"), Resumed("fullstory")], [], "ready"),
        ([*AT_WORK, Waiting("kafka", "down")], [("kafka", "paused")], "degraded"),
        ([*AT_WORK, Waiting("kafka topic t", "no")], [("kafka topic t", "paused")], "degraded"),
        ([*AT_WORK, Waiting("schema registry", "no")], [("schema registry", "paused")], "degraded"),
        (
            [*AT_WORK, Waiting("dead-letter topic", "no")],
            [("dead-letter topic", "paused")],
            "degraded",
        ),
        ([*AT_WORK, Answered(429)], [("fullstory", "throttled")], "degraded"),
        ([*AT_WORK, HALT], [("the topic t", "halted")], "degraded"),
        ([*AT_WORK, LEFT_THE_LOG], [("t/1", "halted")], "degraded"),
        ([*AT_WORK, WHOLE], [(EVERY_TOPIC, "halted")], "not ready"),
        (
            [*AT_WORK, HALT, WHOLE],
            [("the topic t", "halted"), (EVERY_TOPIC, "halted")],
            "not ready",
        ),
        ([*AT_WORK, Draining()], [("bridge", "draining")], "not ready"),
        ([Draining()], [("bridge", "draining")], "not ready"),
        ([*AT_WORK, Draining(), Revoked(GIVEN.partitions, False)], [("bridge", "draining")], None),
        ([*AT_WORK, Committed([("t", 0)])], [], "ready"),
    ],
)
def test_what_was_told_makes_what_holds_and_whether_it_is_ready(
    time: Time, facts: list[Fact], states: list[tuple[str, str]], readiness: str | None
) -> None:
    """Not ready while starting, draining, wholly halted, or with a refused key."""
    time.notify(*facts)
    assert time.states == states
    assert time.conditions.readiness(time.now_s) == (readiness or "not ready")


def test_a_pause_stands_since_it_began_with_the_newest_reason_and_its_cure(time: Time) -> None:
    """A second spell begins anew."""
    time.notify(*AT_WORK, Waiting("fullstory", "status_503"))
    began_s = time.now_s
    time.notify(Waiting("fullstory", "key_refused"), after_s=60)
    [condition] = time.all
    assert (condition.since_s, condition.why) == (began_s, "key_refused")
    assert "fullstory.key" in condition.fix
    assert condition.scope == EVERY_TOPIC

    time.notify(Resumed("fullstory"), Waiting("fullstory", "timeout"))
    [condition] = time.all
    assert (condition.since_s, condition.why) == (time.now_s, "timeout")


def test_a_halt_names_its_cure_and_whom_to_ask_and_stands_since_it_was_first_told(
    time: Time,
) -> None:
    """Told again, it is the same one."""
    time.notify(*AT_WORK, HALT)
    told_s = time.now_s
    time.notify(HaltedScope("the topic t", "another", "another"))
    assert time.all == [
        StatusCondition(
            "the topic t", "halted", "the topic t", told_s, "invalid_uid", "mend it", "the shop"
        )
    ]
    assert not time.conditions.is_wholly_halted
    time.notify(WHOLE)
    assert time.conditions.is_wholly_halted


def test_a_partition_that_stands_still_is_no_concern_of_ours_once_it_went(time: Time) -> None:
    """Its next owner tells it; topics that a mapping halted stay halted here."""
    time.notify(*AT_WORK, LEFT_THE_LOG, HALT)
    time.notify(Revoked([("t", 0)], False))
    assert time.states == [("t/1", "halted"), ("the topic t", "halted")]
    time.notify(Assigned([("t", 0)]), Revoked([("t", 1)], True))
    assert time.states == [("the topic t", "halted")]


def test_without_partitions_counts_from_when_the_last_one_went(time: Time) -> None:
    """Or from the first turn, where none came yet."""
    time.notify(PollLoopTick())
    began_s = time.now_s
    time.notify(PollLoopTick(), PollLoopTick())
    assert [one.since_s for one in time.all] == [began_s]
    time.notify(GIVEN, Revoked([("t", 0)], False), Revoked([("t", 1)], False))
    went_s = time.now_s
    time.notify(Revoked([("t", 1)], False))
    assert [one.since_s for one in time.all] == [went_s]
    assert time.conditions.partitions == frozenset()


def test_a_spell_of_429s_is_one_condition_and_passes_when_they_stop(time: Time) -> None:
    """Accepted events between them end nothing; ten seconds without any do."""
    time.notify(*AT_WORK, Answered(429))
    began_s = time.now_s
    time.notify(*[Answered(200), Answered(429)] * 3, after_s=THROTTLED_FOR_S / 2 - 0.1)
    assert [(one.state, one.since_s) for one in time.all] == [("throttled", began_s)]

    time.notify(Answered(200), after_s=THROTTLED_FOR_S - 0.1)
    assert time.states == [("fullstory", "throttled")]
    time.now_s += 0.1
    assert time.states == []

    time.notify(Answered(429))
    assert [one.since_s for one in time.all] == [time.now_s]


def test_a_429_that_nothing_follows_counts_as_long_as_fullstory_may_have_told_to_wait(
    time: Time,
) -> None:
    """`Retry-After` is at most 300 s; no answer at all is no answer."""
    time.notify(*AT_WORK, Answered(429), Answered(0, "timeout"))
    time.now_s += 300
    assert time.states == [("fullstory", "throttled")]
    time.now_s += THROTTLED_FOR_S
    assert time.states == []


@pytest.mark.parametrize(("silent_s", "live"), [(BEAT_WITHIN_S, True), (BEAT_WITHIN_S + 1, False)])
def test_live_is_a_poll_thread_that_turned_within_a_minute(
    time: Time, silent_s: float, live: bool
) -> None:
    """Whatever else holds, and however little comes from Kafka."""
    time.notify(*AT_WORK, WHOLE, Waiting("kafka", "down"))
    time.notify(PollLoopTick())
    time.now_s += silent_s
    assert time.conditions.is_live(time.now_s) is live
    time.notify(PollLoopTick())
    assert time.conditions.is_live(time.now_s)


def test_a_bridge_that_waits_at_its_start_is_live(time: Time) -> None:
    """Its poll thread has not begun; a restart would mend nothing."""
    time.notify(Waiting("kafka", "no answer"))
    time.now_s += 3_600
    assert time.conditions.is_live(time.now_s)
    assert time.conditions.readiness(time.now_s) == "not ready"
