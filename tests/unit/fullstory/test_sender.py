"""One event until FullStory's last word, in virtual time, against a FullStory of a list."""

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
    Desk,
    FullStory,
    in_turn,
)
from tests.unit.virtual_time import run, settle_down


def test_an_accepted_event_is_done_after_one_try() -> None:
    """And its place in the budget stays taken until the commit."""

    async def story() -> None:
        fullstory = FullStory(in_turn(OK))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 1)
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 1)
        assert desk.facts == []  # the path tells it, with the mapping's name
        assert fullstory.quota_asked == 0

    run(story())


def test_every_try_sends_the_same_request() -> None:
    """Byte for byte, whatever came back."""

    async def story() -> None:
        fullstory = FullStory(in_turn(DOWN, LOST, Response(200, is_json=False), OK))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 4)
        assert fullstory.sent == [REQUEST] * 4
        assert fullstory.sent_at_s == [0.0, 2.0, 4.0, 6.0]
        assert len(desk.told(Retrying)) == 3

    run(story())


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Response(400, True, None, "bad"), Reject("refused_by_fullstory", 400, "bad")),
        (Response(404, True), Skip("unknown_user")),
    ],
)
def test_a_last_word_is_handed_back(answer: Response, decision: Reject | Skip) -> None:
    """A refusal at once, an unknown user after the second time."""

    async def story() -> None:
        desk = Desk(FullStory(in_turn(OK, answer)))
        await desk.send()
        found, tries = await desk.send()
        assert found == decision
        assert tries == (1 if isinstance(decision, Reject) else 2)

    run(story())


def test_what_waits_for_its_next_try_holds_no_place() -> None:
    """An unknown user waits for a minute; meanwhile others are sent."""

    async def story() -> None:
        desk = Desk(FullStory(in_turn(UNKNOWN, OK)))
        waiting = asyncio.create_task(desk.send())
        await settle_down()
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)
        assert await waiting == (Done(), 2)
        assert asyncio.get_running_loop().time() == 60.0

    run(story())


def test_a_429_holds_everybody_back_for_as_long_as_it_says() -> None:
    """One gate for the whole account; what it refused goes first when it opens."""

    async def story() -> None:
        fullstory = FullStory(in_turn(Response(429, True, 7.0), OK), takes_s=0.25)
        desk = Desk(fullstory, in_flight_max=1)
        first = asyncio.create_task(desk.send())
        await settle_down()
        stats = [desk.send(request=Request("POST", "/other", b"{}")) for _ in range(3)]
        await asyncio.gather(first, *stats)
        assert fullstory.sent_at_s == pytest.approx([0.0, 7.25, 7.5, 7.75, 8.0], abs=0.01)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path] * 2 + ["/other"] * 3
        assert fullstory.probed_at_s == []

    run(story())


def test_nothing_begins_once_the_partition_drains() -> None:
    """Its next owner sends the event; the place is free again."""

    async def story() -> None:
        fullstory = FullStory(in_turn(OK))
        desk = Desk(fullstory)
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await desk.send()
        assert fullstory.sent == []
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def test_a_retry_is_not_begun_once_the_partition_drains() -> None:
    """It was refused so far, so nothing comes twice when the next owner sends it."""

    async def story() -> None:
        fullstory = FullStory(in_turn(DOWN))
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await settle_down()
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert len(fullstory.sent) == 1

    run(story())


def test_a_later_event_of_a_record_is_seen_through_while_the_partition_drains() -> None:
    """Else its first event would be sent twice."""

    async def story() -> None:
        desk = Desk(FullStory(in_turn(DOWN, OK)))
        desk.assignment.open = False
        assert await desk.send(events=0) == (Done(), 2)

    run(story())


def test_a_request_under_way_keeps_its_partition_busy() -> None:
    """The drain waits for it; what waits for its next try does not hold it up."""

    async def story() -> None:
        desk = Desk(FullStory(in_turn(DOWN, OK), takes_s=0.5))
        sending = asyncio.create_task(desk.send())
        in_flight = []
        for _ in range(4):
            await asyncio.sleep(0.7)
            in_flight.append(desk.assignment.in_flight)
        await sending
        assert in_flight == [0, 0, 0, 1]
        assert desk.assignment.in_flight == 0

    run(story())


def test_a_mistake_of_our_own_gives_the_place_back() -> None:
    """Else the throttle would fill up with nobody."""

    async def story() -> None:
        def fail(_count: int, _s: float) -> Response:
            raise ZeroDivisionError

        desk = Desk(FullStory(fail))
        with pytest.raises(ZeroDivisionError):
            await desk.send()
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def test_one_event_that_always_fails_is_exhausted_among_others_that_go_through() -> None:
    """After its time and its tries; then its failing no longer counts."""

    async def story() -> None:
        fullstory = FullStory(in_turn(OK))
        fullstory.poison = "/poison"
        policy = DeliveryPolicy(
            backoff=Backoff(s_first=1.0, s_max=2.0), exhausted_after_s=60.0, exhausted_tries=5
        )
        desk = Desk(fullstory, policy)
        poison = asyncio.create_task(desk.send_and_commit("poison"))
        for number in range(200):
            await asyncio.sleep(0.5)
            await desk.send_and_commit(f"u{number}")
        decision, tries = await poison
        assert decision == Reject("exhausted", 503)
        assert 30 <= tries <= 32
        assert desk.told(Waiting) == []

    run(story())
