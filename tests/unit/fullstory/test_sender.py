"""Sends single events until their final decision, in virtual time."""

import asyncio

import pytest

from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.response_classifier import Backoff, DeliveryPolicy, Response
from bridge.fullstory.requests.request import Request
from bridge.observer import Retrying, Waiting
from bridge.records import AssignmentEnded
from tests.unit.fullstory.fake_transport import (
    DOWN,
    LOST,
    OK,
    REQUEST,
    UNKNOWN,
    FakeFullStory,
    SenderFixture,
    sequence,
)
from tests.unit.virtual_time import run, settle_down


def test_an_accepted_event_is_done_after_one_try() -> None:
    """It counts against the budget until the commit."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(OK))
        fixture = SenderFixture(fullstory)
        assert await fixture.send() == (Done(), 1)
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 1)
        assert fixture.facts == []  # the pipeline reports it, with the mapping's name
        assert fullstory.quota_checks == 0

    run(scenario())


def test_every_try_sends_the_same_request() -> None:
    """Byte for byte, whatever the response was."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(DOWN, LOST, Response(200, is_json=False), OK))
        fixture = SenderFixture(fullstory)
        assert await fixture.send() == (Done(), 4)
        assert fullstory.sent == [REQUEST] * 4
        assert fullstory.sent_at_s == [0.0, 2.0, 4.0, 6.0]
        assert len(fixture.facts_of(Retrying)) == 3

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Response(400, True, None, "bad"), Reject("refused_by_fullstory", 400, "bad")),
        (Response(404, True), Skip("unknown_user")),
    ],
)
def test_a_final_decision_is_returned(answer: Response, decision: Reject | Skip) -> None:
    """A rejection immediately, an unknown user after the second 404."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(sequence(OK, answer)))
        await fixture.send()
        found, tries = await fixture.send()
        assert found == decision
        assert tries == (1 if isinstance(decision, Reject) else 2)

    run(scenario())


def test_a_waiting_event_holds_no_request_slot() -> None:
    """An unknown user waits for a minute; meanwhile others are sent."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(sequence(UNKNOWN, OK)))
        waiting = asyncio.create_task(fixture.send())
        await settle_down()
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 0)
        assert await waiting == (Done(), 2)
        assert asyncio.get_running_loop().time() == 60.0

    run(scenario())


def test_a_429_blocks_all_events_for_its_retry_after() -> None:
    """The refused event goes first afterwards."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(Response(429, True, 7.0), OK), takes_s=0.25)
        fixture = SenderFixture(fullstory, in_flight_max=1)
        first = asyncio.create_task(fixture.send())
        await settle_down()
        others = [fixture.send(request=Request("POST", "/other", b"{}")) for _ in range(3)]
        await asyncio.gather(first, *others)
        assert fullstory.sent_at_s == pytest.approx([0.0, 7.25, 7.5, 7.75, 8.0], abs=0.01)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path] * 2 + ["/other"] * 3
        assert fullstory.probed_at_s == []

    run(scenario())


def test_no_event_starts_once_the_partition_drains() -> None:
    """The next owner sends the event; the request slot is free again."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(OK))
        fixture = SenderFixture(fullstory)
        fixture.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await fixture.send()
        assert fullstory.sent == []
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 0)

    run(scenario())


def test_no_retry_starts_once_the_partition_drains() -> None:
    """The event was not applied, so the next owner cannot duplicate it."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(DOWN))
        fixture = SenderFixture(fullstory)
        sending = asyncio.create_task(fixture.send())
        await settle_down()
        fixture.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert len(fullstory.sent) == 1

    run(scenario())


def test_a_later_event_of_a_record_is_sent_while_the_partition_drains() -> None:
    """Otherwise its first event would be sent twice."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(sequence(DOWN, OK)))
        fixture.assignment.open = False
        assert await fixture.send(events=0) == (Done(), 2)

    run(scenario())


def test_a_request_in_flight_keeps_its_partition_busy() -> None:
    """The drain waits for it, but not for an event that waits to be retried."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(sequence(DOWN, OK), takes_s=0.5))
        sending = asyncio.create_task(fixture.send())
        in_flight = []
        for _ in range(4):
            await asyncio.sleep(0.7)
            in_flight.append(fixture.assignment.in_flight)
        await sending
        assert in_flight == [0, 0, 0, 1]
        assert fixture.assignment.in_flight == 0

    run(scenario())


def test_a_bug_releases_the_request_slot() -> None:
    """Otherwise the throttle would fill up with slots that nobody uses."""

    async def scenario() -> None:
        def fail(_count: int, _s: float) -> Response:
            raise ZeroDivisionError

        fixture = SenderFixture(FakeFullStory(fail))
        with pytest.raises(ZeroDivisionError):
            await fixture.send()
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 0)

    run(scenario())


def test_an_event_that_always_fails_is_exhausted_while_others_succeed() -> None:
    """After its time and its tries; then it no longer counts as failing."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(OK))
        fullstory.poison = "/poison"
        policy = DeliveryPolicy(
            backoff=Backoff(base_s=1.0, max_s=2.0), exhausted_after_s=60.0, exhausted_tries=5
        )
        fixture = SenderFixture(fullstory, policy)
        poison = asyncio.create_task(fixture.send_and_commit("poison"))
        for number in range(200):
            await asyncio.sleep(0.5)
            await fixture.send_and_commit(f"u{number}")
        decision, tries = await poison
        assert decision == Reject("exhausted", 503)
        assert 30 <= tries <= 32
        assert fixture.facts_of(Waiting) == []

    run(scenario())
