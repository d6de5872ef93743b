"""Why the bridge pauses: what each reason means, and that a spell is told as one pair."""

import asyncio
from contextlib import nullcontext

import pytest

from bridge.delivery.answers import Answer, Judge, Policy
from bridge.delivery.decision import Pause
from bridge.delivery.others import Others
from bridge.delivery.pause import (
    FULLSTORY,
    KAFKA,
    LETTERS,
    QUOTA_USED_UP,
    REASONS_MAX,
    REGISTRY,
    WRONG_ORGANISATION,
    Spell,
    reason_for,
)
from bridge.observer import Fact, Resumed, Waiting


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def tell(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)


@pytest.fixture
def listener() -> Listener:
    """Somebody who listens."""
    return Listener()


@pytest.mark.parametrize(
    ("what", "why", "scope", "ready", "cure"),
    [
        (FULLSTORY, "key_refused", "everything", False, "`fullstory.key`"),
        (FULLSTORY, WRONG_ORGANISATION, "everything", False, "`fullstory.org`"),
        (FULLSTORY, QUOTA_USED_UP, "everything", True, "quota"),
        (FULLSTORY, "status_503", "everything", True, "asked once a second"),
        (FULLSTORY, "timeout", "everything", True, "asked once a second"),
        (KAFKA, "Broker transport failure", "everything", True, "`kafka.bootstrap.servers`"),
        ("kafka topic shop.eu", "not authorized", "the topic shop.eu", True, "group may read it"),
        (LETTERS, "too large", "the records that are to be dead letters", True, "max.message"),
        (REGISTRY, "401", "the records of schemas that are not known yet", True, "registry.url"),
        ("somebody new", "no", "everything", True, "see what is waited for"),
    ],
)
def test_each_reason_has_a_scope_and_a_cure_and_only_a_key_that_will_not_do_is_not_ready(
    what: str, why: str, scope: str, ready: bool, cure: str
) -> None:
    """In an outage a rollout would stall for ever."""
    reason = reason_for(what, why)
    assert (reason.scope, reason.ready) == (scope, ready)
    assert cure in reason.cure


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_decided_about_a_refused_key_is_the_reason_that_is_not_ready(status: int) -> None:
    """The word is the same on both sides."""
    decision = Judge(Policy(), Others(), "u", lambda: 1.0).decide(Answer(status, True), 0.0)
    assert isinstance(decision, Pause)
    assert not reason_for(FULLSTORY, decision.why).ready


def test_a_spell_is_told_once_whoever_waits_and_is_over_with_the_last(listener: Listener) -> None:
    """Who did not wait ends nothing."""
    spell = Spell("x", listener)
    for who in (1, 2, 1, 3):
        spell.because("down", who)
    assert listener.facts == [Waiting("x", "down")]
    for who in (1, 3, 1, 4):
        spell.over(who)
    assert listener.facts == [Waiting("x", "down")]
    spell.over(2)
    spell.over(2)
    assert listener.facts == [Waiting("x", "down"), Resumed("x")]
    spell.because("down", 1)
    assert listener.facts[2:] == [Waiting("x", "down")]


def test_each_reason_of_a_spell_is_told_once_up_to_a_number(listener: Listener) -> None:
    """A port that changes with each try would be told for ever."""
    spell = Spell("x", listener)
    for number in [*range(REASONS_MAX + 5), 0]:
        spell.because(f"port {number}")
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
    spell = Spell("x", listener)
    outside = nullcontext() if error is None else pytest.raises(type(error))
    with outside, spell.lasts("me"):
        spell.because("down", "me")
        if error is not None:
            raise error
    assert listener.facts[1:] == told
