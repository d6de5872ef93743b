"""Pauses: the meaning of each reason, and one report per outage."""

import asyncio
from contextlib import nullcontext

import pytest

from bridge.delivery.decision import Pause
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.pauses import (
    DEAD_LETTER_TOPIC,
    FULLSTORY,
    KAFKA,
    QUOTA_EXHAUSTED,
    REASONS_MAX,
    SCHEMA_REGISTRY,
    WRONG_ORGANIZATION,
    Outage,
    effect_of,
)
from bridge.delivery.response_classifier import DeliveryPolicy, Response, ResponseClassifier
from bridge.observer import Fact, Resumed, Waiting


class FakeObserver:
    """Keeps the facts it receives."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def notify(self, fact: Fact) -> None:
        """Keep a fact."""
        self.facts.append(fact)


@pytest.fixture
def observer() -> FakeObserver:
    """An observer that keeps all facts."""
    return FakeObserver()


@pytest.mark.parametrize(
    ("what", "why", "scope", "ready", "fix"),
    [
        (FULLSTORY, "key_refused", "everything", False, "`fullstory.key`"),
        (FULLSTORY, WRONG_ORGANIZATION, "everything", False, "`fullstory.org`"),
        (FULLSTORY, QUOTA_EXHAUSTED, "everything", True, "quota"),
        (FULLSTORY, "status_503", "everything", True, "once a second"),
        (FULLSTORY, "timeout", "everything", True, "once a second"),
        (KAFKA, "Broker transport failure", "everything", True, "`kafka.bootstrap.servers`"),
        ("kafka topic shop.eu", "not authorized", "the topic shop.eu", True, "group may read it"),
        (
            DEAD_LETTER_TOPIC,
            "too large",
            "records that become dead letters",
            True,
            "max.message",
        ),
        (
            SCHEMA_REGISTRY,
            "401",
            "records whose schema is not cached yet",
            True,
            "registry.url",
        ),
        ("new dependency", "no", "everything", True, "check the dependency"),
    ],
)
def test_each_reason_has_scope_fix_and_readiness(
    what: str, why: str, scope: str, ready: bool, fix: str
) -> None:
    """Only an unusable key is not ready: otherwise a rollout would never finish in an outage."""
    reason = effect_of(what, why)
    assert (reason.scope, reason.ready) == (scope, ready)
    assert fix in reason.fix


@pytest.mark.parametrize("status", [401, 403])
def test_the_decision_for_a_refused_key_is_not_ready(status: int) -> None:
    """Both modules use the same reason."""
    decision = ResponseClassifier(DeliveryPolicy(), DeliveryStats(), "u", lambda: 1.0).decide(
        Response(status, True), 0.0
    )
    assert isinstance(decision, Pause)
    assert not effect_of(FULLSTORY, decision.why).ready


def test_an_outage_is_reported_once_and_ends_with_the_last_waiter(observer: FakeObserver) -> None:
    """An unknown waiter ends nothing."""
    outage = Outage("x", observer)
    for waiter in (1, 2, 1, 3):
        outage.begin_wait("down", waiter)
    assert observer.facts == [Waiting("x", "down")]
    for waiter in (1, 3, 1, 4):
        outage.over(waiter)
    assert observer.facts == [Waiting("x", "down")]
    outage.over(2)
    outage.over(2)
    assert observer.facts == [Waiting("x", "down"), Resumed("x")]
    outage.begin_wait("down", 1)
    assert observer.facts[2:] == [Waiting("x", "down")]


def test_each_reason_of_an_outage_is_reported_once_up_to_a_maximum(observer: FakeObserver) -> None:
    """A port that changes with each try would be reported endlessly."""
    outage = Outage("x", observer)
    for number in [*range(REASONS_MAX + 5), 0]:
        outage.begin_wait(f"port {number}")
    assert observer.facts == [Waiting("x", f"port {number}") for number in range(REASONS_MAX)]
    outage.over()
    assert observer.facts[REASONS_MAX:] == [Resumed("x")]


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (None, [Resumed("x")]),
        (ValueError(), [Resumed("x")]),
        (asyncio.CancelledError(), []),
    ],
)
def test_track_wait_ends_the_wait_unless_canceled(
    observer: FakeObserver, error: BaseException | None, facts: list[Fact]
) -> None:
    """A task is canceled when the process ends: the outage may still last."""
    outage = Outage("x", observer)
    context = nullcontext() if error is None else pytest.raises(type(error))
    with context, outage.track_wait("me"):
        outage.begin_wait("down", "me")
        if error is not None:
            raise error
    assert observer.facts[1:] == facts
