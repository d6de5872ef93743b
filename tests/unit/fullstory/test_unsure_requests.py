"""Events that may have been applied though nobody said so: when they are sent again."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from bridge.delivery.decision import Done
from bridge.delivery.response_classifier import NoResponse, Response
from bridge.fullstory.account_state import PROBE_EVERY_S
from bridge.fullstory.requests.request import Request
from bridge.observer import Resumed, Unsure, Waiting
from bridge.records import Assignment, AssignmentEnded
from tests.unit.fullstory.fake_transport import (
    DOWN,
    LOST,
    OK,
    REFUSED,
    REQUEST,
    Desk,
    FullStory,
    in_turn,
)
from tests.unit.virtual_time import run, settle_down


def test_an_unsure_event_goes_again_once_another_one_was_answered() -> None:
    """Not before: it may have been applied, and FullStory may answer nobody now."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 1 else OK, probe=in_turn(DOWN))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await asyncio.sleep(30)
        assert len(fullstory.sent) == 1
        assert await desk.send() == (Done(), 1)
        assert await first == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 30.0, 30.0]
        assert desk.told(Unsure) == [Unsure("m", "timeout")]

    run(story())


def test_what_was_never_sent_is_not_unsure() -> None:
    """No connection, no doubt."""

    async def story() -> None:
        refused = NoResponse("connection", sent=False)
        fullstory = FullStory(in_turn(refused, OK), probe=in_turn(DOWN))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 2.0]
        assert desk.told(Unsure) == []

    run(story())


def test_an_answer_to_another_event_while_it_waited_is_enough() -> None:
    """Then no probe is asked at all."""

    async def story() -> None:
        fullstory = FullStory(in_turn(LOST, OK), probe=in_turn(DOWN))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await asyncio.sleep(0.5)
        await desk.send()
        await first
        assert fullstory.sent_at_s == [0.0, 0.5, 2.0]
        assert fullstory.probed_at_s == []

    run(story())


def test_a_429_does_not_say_that_events_are_worked_on() -> None:
    """It comes from the door, not from behind it."""

    async def story() -> None:
        fullstory = FullStory(
            lambda count, s: LOST if not count else OK if s >= 9 else Response(429, True, 0.0),
            probe=in_turn(DOWN),
            takes_s=0.9,
        )
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await desk.send()
        await first
        assert fullstory.sent[-1].path == "/first"
        assert [request.path for request in fullstory.sent].count("/first") == 2

    run(story())


def test_a_refused_key_does_not_say_that_events_are_worked_on() -> None:
    """The unsure event stays where it is, and another one tries the key."""

    async def story() -> None:
        fullstory = FullStory(lambda count, s: LOST if not count else OK if s >= 9 else REFUSED)
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await asyncio.gather(first, desk.send())
        assert fullstory.sent[-1].path == "/first"
        assert _times(fullstory)["/first"] == 2

    run(story())


def test_a_spell_of_429s_is_no_outage() -> None:
    """FullStory is well, and says so; one event that gets a 503 meanwhile changes nothing."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 30 else Response(429, True, 0.0), takes_s=0.9
        )
        fullstory.poison = REQUEST.path
        desk = Desk(fullstory)
        poison = asyncio.create_task(desk.send())
        await desk.send(request=Request("POST", "/other", b"{}"))
        assert desk.told(Waiting) == []
        poison.cancel()
        await asyncio.gather(poison, return_exceptions=True)
        assert desk.sender._stats.failing == 0

    run(story())


def test_a_server_that_applies_everything_and_answers_nobody_gets_each_event_twice_at_most() -> (
    None
):
    """Silent for a minute, to the probes too; then it answers."""

    async def story() -> None:
        def say(_count: int, s: float) -> Response | NoResponse:
            return LOST if s < 60 else OK

        fullstory = FullStory(say, say, takes_s=10.0)
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(40)])
        times = Counter(request.path for request in fullstory.sent)
        assert [decision for decision, _ in sent] == [Done()] * 40
        assert len(times) == 40
        assert max(times.values()) == 2
        assert len(fullstory.probed_at_s) <= 61

    run(story())


def test_an_event_that_may_have_been_applied_counts_while_it_waits() -> None:
    """A crash would repeat it: its places are free when it is answered and committed, or gone."""

    async def story() -> None:
        fullstory = FullStory(lambda count, _: LOST if count == 0 else DOWN if count == 1 else OK)
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send(events=3))
        await asyncio.sleep(0.5)  # its first try has ended, without an answer
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 3)
        await asyncio.sleep(3.0)
        assert (len(fullstory.sent), desk.throttle.unacknowledged) == (2, 3)
        await sending
        assert desk.throttle.unacknowledged == 3
        desk.throttle.acknowledged(3)
        assert desk.throttle.unacknowledged == 0

    run(story())


def test_an_unsure_event_whose_partition_went_away_counts_no_more() -> None:
    """Whoever has the partition now answers for it."""

    async def story() -> None:
        desk = Desk(FullStory(lambda *_: LOST))
        sending = asyncio.create_task(desk.send(events=3))
        await asyncio.sleep(0.5)
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def _times(fullstory: FullStory) -> Counter[str]:
    return Counter(request.path for request in fullstory.sent)


def test_where_only_events_get_no_answer_each_of_them_comes_twice_at_most() -> None:
    """`GET /me` answers and proves little: an event that nobody doubts goes on trial."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 60 else OK, takes_s=10.0)
        desk = Desk(fullstory, in_flight_max=60, budget=1_000)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(100)])
        assert [decision for decision, _ in sent] == [Done()] * 100
        assert max(_times(fullstory).values()) == 2
        trials = [s for s in fullstory.sent_at_s if 10 < s < 60]
        assert 4 <= len(trials) <= 6
        assert all(later - earlier >= 10 for earlier, later in pairwise(trials))
        assert len(desk.told(Waiting)) == len(desk.told(Resumed)) == 1

    run(story())


def test_where_all_events_are_unsure_one_of_them_is_tried_later_and_later() -> None:
    """Nothing else can say that events are worked on; each trial in vain is one repetition."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 120 else OK, takes_s=10.0)
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(10)])
        assert [decision for decision, _ in sent] == [Done()] * 10
        trials = [s for s in fullstory.sent_at_s if 10 < s < 120]
        assert 5 <= len(trials) <= 8
        assert Counter(_times(fullstory).values()) == {2: 10 - len(trials), 3: len(trials)}

    run(story())


def test_a_budget_full_of_unsure_events_leaves_no_room_for_another_on_trial() -> None:
    """The promise to a crash goes before that to a spell; and it does not stand still for ever."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 30 else OK, takes_s=10.0)
        desk = Desk(fullstory, in_flight_max=10, budget=5)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(20)])
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert len({request.path for request in fullstory.sent[:7]}) == 5

    run(story())


@pytest.mark.parametrize("answer", [Response(429, True, 1.0), DOWN, REFUSED])
def test_a_trial_that_was_answered_does_not_make_the_next_one_late(answer: Response) -> None:
    """It left nobody in doubt; so after minutes of refusals it goes on within seconds."""

    async def story() -> None:
        def say(_count: int, s: float) -> Response | NoResponse:
            return LOST if s < 20 else answer if s < 200 else OK

        fullstory = FullStory(say, takes_s=0.5)
        desk = Desk(fullstory, in_flight_max=5, budget=100)
        sending = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(20)]
        sent = await asyncio.gather(*sending)
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert max(_times(fullstory).values()) > 2  # what was refused was not applied
        assert min(s for s in fullstory.sent_at_s if s >= 200) < 203
        assert asyncio.get_running_loop().time() < 206

    run(story())


def test_a_trial_whose_partition_went_away_is_no_trial() -> None:
    """Else each event of that partition that waits would use one up."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 6 else OK, takes_s=6.0)
        desk = Desk(fullstory, in_flight_max=1, budget=100)
        gone = Assignment("t", 1)
        unsure = asyncio.create_task(desk.send())
        await settle_down()
        sends = [desk.sender.send(REQUEST, "m", gone, events=1) for _ in range(20)]
        waiting = [asyncio.create_task(one) for one in sends]
        await settle_down()
        ours = asyncio.create_task(desk.send_and_commit("ours"))
        gone.open = False
        await asyncio.gather(unsure, ours)
        await asyncio.gather(*waiting, return_exceptions=True)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path, "/ours", REQUEST.path]
        assert fullstory.sent_at_s[1] == 6 + PROBE_EVERY_S

    run(story())


def test_a_spell_that_is_over_does_not_lengthen_the_waits_of_the_next() -> None:
    """One event in vain after another waits longer and longer; an answer ends that."""

    async def story() -> None:
        fullstory = FullStory(in_turn(LOST, LOST, LOST, LOST, LOST, OK, LOST, LOST, OK))
        desk = Desk(fullstory)
        await desk.send()
        await desk.send()
        waits = [later - earlier for earlier, later in pairwise(fullstory.sent_at_s)]
        assert waits[4] >= 8
        assert max(waits[6:]) <= 2 + 2 * PROBE_EVERY_S

    run(story())
