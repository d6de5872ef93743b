"""Why the bridge pauses: what each reason means, and that a spell is told as one pair."""

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
    reason_for,
)
from bridge.delivery.response_classifier import DeliveryPolicy, Response, ResponseClassifier
from bridge.observer import Fact, Resumed, Waiting


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)


@pytest.fixture
def listener() -> Listener:
    """Somebody who listens."""
    return Listener()


@pytest.mark.parametrize(
    ("what", "why", "scope", "ready", "fix"),
    [
        (FULLSTORY, "key_refused", "everything", False, "`fullstory.key`"),
        (FULLSTORY, WRONG_ORGANIZATION, "everything", False, "`fullstory.org`"),
        (FULLSTORY, QUOTA_EXHAUSTED, "everything", True, "quota"),
        (FULLSTORY, "status_503", "everything", True, "asked once a second"),
        (FULLSTORY, "timeout", "everything", True, "asked once a second"),
        (KAFKA, "Broker transport failure", "everything", True, "`kafka.bootstrap.servers`"),
        ("kafka topic shop.eu", "not authorized", "the topic shop.eu", True, "group may read it"),
        (
            DEAD_LETTER_TOPIC,
            "too large",
            "the records that are to be dead letters",
            True,
            "max.message",
        ),
        (
            SCHEMA_REGISTRY,
            "401",
            "the records of schemas that are not known yet",
            True,
            "registry.url",
        ),
        ("somebody new", "no", "everything", True, "see what is waited for"),
    ],
)
def test_each_reason_has_a_scope_and_a_cure_and_only_a_key_that_will_not_do_is_not_ready(
    what: str, why: str, scope: str, ready: bool, fix: str
) -> None:
    """In an outage a rollout would stall for ever."""
    reason = reason_for(what, why)
    assert (reason.scope, reason.ready) == (scope, ready)
    assert fix in reason.fix


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_decided_about_a_refused_key_is_the_reason_that_is_not_ready(status: int) -> None:
    """The word is the same on both sides."""
    decision = ResponseClassifier(DeliveryPolicy(), DeliveryStats(), "u", lambda: 1.0).decide(
        Response(status, True), 0.0
    )
    assert isinstance(decision, Pause)
    assert not reason_for(FULLSTORY, decision.why).ready


def test_a_spell_is_told_once_whoever_waits_and_is_over_with_the_last(listener: Listener) -> None:
    """Who did not wait ends nothing."""
    spell = Outage("x", listener)
    for who in (1, 2, 1, 3):
        spell.waiting_for("down", who)
    assert listener.facts == [Waiting("x", "down")]
    for who in (1, 3, 1, 4):
        spell.over(who)
    assert listener.facts == [Waiting("x", "down")]
    spell.over(2)
    spell.over(2)
    assert listener.facts == [Waiting("x", "down"), Resumed("x")]
    spell.waiting_for("down", 1)
    assert listener.facts[2:] == [Waiting("x", "down")]


def test_each_reason_of_a_spell_is_told_once_up_to_a_number(listener: Listener) -> None:
    """A port that changes with each try would be told for ever."""
    spell = Outage("x", listener)
    for number in [*range(REASONS_MAX + 5), 0]:
        spell.waiting_for(f"port {number}")
    assert listener.facts == [Waiting("x", f"port {number}") for number in range(REASONS_MAX)]
    spell.over()
    assert listener.facts[REASONS_MAX:] == [Resumed("x")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, [Resumed("x")]),
        (ValueError(), [Resumed("x")]),
        (asyncio.CancelledError(), []),
    ],
)
def test_who_leaves_waits_no_more_and_who_is_cancelled_says_nothing(
    listener: Listener, error: BaseException | None, told: list[Fact]
) -> None:
    """A task is cancelled when the process ends: nobody knows then."""
    spell = Outage("x", listener)
    outside = nullcontext() if error is None else pytest.raises(type(error))
    with outside, spell.track_wait("me"):
        spell.waiting_for("down", "me")
        if error is not None:
            raise error
    assert listener.facts[1:] == told
