"""When unsure events are retried: FullStory may have applied them without a response."""

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
    FakeFullStory,
    SenderFixture,
    sequence,
)
from tests.unit.virtual_time import run, settle_down


def test_an_unsure_event_is_retried_once_another_one_was_processed() -> None:
    """Not earlier: it may have been applied, and FullStory may still be down."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: LOST if s < 1 else OK, probe=sequence(DOWN))
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send())
        await asyncio.sleep(30)
        assert len(fullstory.sent) == 1
        assert await fixture.send() == (Done(), 1)
        assert await first == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 30.0, 30.0]
        assert fixture.facts_of(Unsure) == [Unsure("m", "timeout")]

    run(scenario())


def test_what_was_never_sent_is_not_unsure() -> None:
    """Without a connection it cannot have been applied."""

    async def scenario() -> None:
        refused = NoResponse("connection", sent=False)
        fullstory = FakeFullStory(sequence(refused, OK), probe=sequence(DOWN))
        fixture = SenderFixture(fullstory)
        assert await fixture.send() == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 2.0]
        assert fixture.facts_of(Unsure) == []

    run(scenario())


def test_a_response_to_another_event_meanwhile_is_enough() -> None:
    """Then no probe is sent at all."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(LOST, OK), probe=sequence(DOWN))
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send())
        await asyncio.sleep(0.5)
        await fixture.send()
        await first
        assert fullstory.sent_at_s == [0.0, 0.5, 2.0]
        assert fullstory.probed_at_s == []

    run(scenario())


def test_a_429_does_not_show_that_events_are_processed() -> None:
    """The rate limit sends it before any processing."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda count, s: LOST if not count else OK if s >= 9 else Response(429, True, 0.0),
            probe=sequence(DOWN),
            takes_s=0.9,
        )
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await fixture.send()
        await first
        assert fullstory.sent[-1].path == "/first"
        assert [request.path for request in fullstory.sent].count("/first") == 2

    run(scenario())


def test_a_refused_key_does_not_show_that_events_are_processed() -> None:
    """The unsure event keeps waiting, and another one tries the key."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda count, s: LOST if not count else OK if s >= 9 else REFUSED)
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await asyncio.gather(first, fixture.send())
        assert fullstory.sent[-1].path == "/first"
        assert _times(fullstory)["/first"] == 2

    run(scenario())


def test_a_series_of_429s_is_no_outage() -> None:
    """FullStory responds; one event with a 503 meanwhile changes nothing."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 30 else Response(429, True, 0.0), takes_s=0.9
        )
        fullstory.poison = REQUEST.path
        fixture = SenderFixture(fullstory)
        failing = asyncio.create_task(fixture.send())
        await fixture.send(request=Request("POST", "/other", b"{}"))
        assert fixture.facts_of(Waiting) == []
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)
        assert fixture.sender._stats.failing == 0

    run(scenario())


def test_a_server_that_applies_all_without_responses_gets_each_event_at_most_twice() -> None:
    """It is silent for a minute, also to probes; then it responds."""

    async def scenario() -> None:
        def script(_count: int, s: float) -> Response | NoResponse:
            return LOST if s < 60 else OK

        fullstory = FakeFullStory(script, script, takes_s=10.0)
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(40)])
        times = Counter(request.path for request in fullstory.sent)
        assert [decision for decision, _ in sent] == [Done()] * 40
        assert len(times) == 40
        assert max(times.values()) == 2
        assert len(fullstory.probed_at_s) <= 61

    run(scenario())


def test_a_waiting_unsure_event_counts_against_the_budget() -> None:
    """A crash would repeat it. Its budget is freed by the commit or by a revocation."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda count, _: LOST if count == 0 else DOWN if count == 1 else OK
        )
        fixture = SenderFixture(fullstory)
        sending = asyncio.create_task(fixture.send(events=3))
        await asyncio.sleep(0.5)  # its first try has ended without a response
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 3)
        await asyncio.sleep(3.0)
        assert (len(fullstory.sent), fixture.throttle.unacknowledged) == (2, 3)
        await sending
        assert fixture.throttle.unacknowledged == 3
        fixture.throttle.acknowledged(3)
        assert fixture.throttle.unacknowledged == 0

    run(scenario())


def test_an_unsure_event_of_a_revoked_partition_frees_its_budget() -> None:
    """The partition's new owner is responsible for it."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(lambda *_: LOST))
        sending = asyncio.create_task(fixture.send(events=3))
        await asyncio.sleep(0.5)
        fixture.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert (fixture.throttle.in_flight, fixture.throttle.unacknowledged) == (0, 0)

    run(scenario())


def _times(fullstory: FakeFullStory) -> Counter[str]:
    return Counter(request.path for request in fullstory.sent)


def test_if_only_events_time_out_each_is_sent_at_most_twice() -> None:
    """A successful `GET /me` proves little: an event that is not unsure is the probe."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: LOST if s < 60 else OK, takes_s=10.0)
        fixture = SenderFixture(fullstory, in_flight_max=60, budget=1_000)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(100)])
        assert [decision for decision, _ in sent] == [Done()] * 100
        assert max(_times(fullstory).values()) == 2
        probes = [s for s in fullstory.sent_at_s if 10 < s < 60]
        assert 4 <= len(probes) <= 6
        assert all(later - earlier >= 10 for earlier, later in pairwise(probes))
        assert len(fixture.facts_of(Waiting)) == len(fixture.facts_of(Resumed)) == 1

    run(scenario())


def test_if_all_events_are_unsure_the_probe_interval_grows() -> None:
    """Only a response to an event helps; each failed probe repeats one event."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: LOST if s < 120 else OK, takes_s=10.0)
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(10)])
        assert [decision for decision, _ in sent] == [Done()] * 10
        probes = [s for s in fullstory.sent_at_s if 10 < s < 120]
        assert 5 <= len(probes) <= 8
        assert Counter(_times(fullstory).values()) == {2: 10 - len(probes), 3: len(probes)}

    run(scenario())


def test_a_budget_full_of_unsure_events_sends_one_of_them_as_probe() -> None:
    """The limit for a crash takes precedence; sending does not stop forever."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: LOST if s < 30 else OK, takes_s=10.0)
        fixture = SenderFixture(fullstory, in_flight_max=10, budget=5)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(20)])
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert len({request.path for request in fullstory.sent[:7]}) == 5

    run(scenario())


@pytest.mark.parametrize("answer", [Response(429, True, 1.0), DOWN, REFUSED])
def test_a_probe_with_a_response_resets_the_probe_interval(answer: Response) -> None:
    """It leaves nothing unsure, so events resume seconds after minutes of refusals."""

    async def scenario() -> None:
        def script(_count: int, s: float) -> Response | NoResponse:
            return LOST if s < 20 else answer if s < 200 else OK

        fullstory = FakeFullStory(script, takes_s=0.5)
        fixture = SenderFixture(fullstory, in_flight_max=5, budget=100)
        sending = [asyncio.create_task(fixture.send_and_commit(f"u{n}")) for n in range(20)]
        sent = await asyncio.gather(*sending)
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert max(_times(fullstory).values()) > 2  # refused events were not applied
        assert min(s for s in fullstory.sent_at_s if s >= 200) < 203
        assert asyncio.get_running_loop().time() < 206

    run(scenario())


def test_a_probe_of_a_revoked_partition_does_not_count() -> None:
    """Otherwise each waiting event of that partition would use up a probe."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: LOST if s < 6 else OK, takes_s=6.0)
        fixture = SenderFixture(fullstory, in_flight_max=1, budget=100)
        revoked = Assignment("t", 1)
        unsure = asyncio.create_task(fixture.send())
        await settle_down()
        sends = [fixture.sender.send_first(REQUEST, "m", revoked, events=1) for _ in range(20)]
        waiting = [asyncio.ensure_future(one) for one in sends]
        await settle_down()
        owned = asyncio.create_task(fixture.send_and_commit("owned"))
        revoked.open = False
        await asyncio.gather(unsure, owned)
        await asyncio.gather(*waiting, return_exceptions=True)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path, "/owned", REQUEST.path]
        assert fullstory.sent_at_s[1] == 6 + PROBE_EVERY_S

    run(scenario())


def test_a_past_outage_does_not_lengthen_the_next_probe_interval() -> None:
    """Failed probes double the interval; a response resets it."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(LOST, LOST, LOST, LOST, LOST, OK, LOST, LOST, OK))
        fixture = SenderFixture(fullstory)
        await fixture.send()
        await fixture.send()
        waits = [later - earlier for earlier, later in pairwise(fullstory.sent_at_s)]
        assert waits[4] >= 8
        assert max(waits[6:]) <= 2 + 2 * PROBE_EVERY_S

    run(scenario())
