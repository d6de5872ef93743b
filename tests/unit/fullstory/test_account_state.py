"""What holds all events back: outages, keys that will not do, a used-up quota, nobody known."""

import asyncio
from collections.abc import Sequence

import pytest

from bridge.delivery.decision import Done, Reject
from bridge.delivery.delivery_stats import UNKNOWN_USERS_MAX
from bridge.delivery.response_classifier import (
    Backoff,
    DeliveryPolicy,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.fullstory.account_state import OUTAGE_AFTER_S, PROBE_EVERY_S
from bridge.observer import HaltedScope, Resumed, Waiting
from tests.unit.fullstory.fake_transport import (
    DOWN,
    LOST,
    OK,
    REFUSED,
    UNKNOWN,
    Desk,
    FullStory,
    in_turn,
)
from tests.unit.virtual_time import run, settle_down


def test_a_refused_key_holds_everything_until_a_probe_succeeds() -> None:
    """Each probe reads the key again; the event is then sent as it was."""

    async def story() -> None:
        fullstory = FullStory(in_turn(REFUSED, OK), probe=in_turn(REFUSED, REFUSED, OK))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        second = asyncio.create_task(desk.send())
        assert await first == (Done(), 2)
        assert await second == (Done(), 1)
        assert len(fullstory.probed_at_s) == 3
        assert fullstory.sent_at_s == [0.0, 3 * PROBE_EVERY_S, 3 * PROBE_EVERY_S]
        assert desk.told(Waiting) == [Waiting("fullstory", "key_refused")]
        assert desk.told(Resumed) == [Resumed("fullstory")]

    run(story())


def test_a_key_that_is_good_for_the_probe_alone_does_not_begin_a_storm() -> None:
    """Each round is a pause of its own length, not as fast as the network goes."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: OK if s >= 10 else REFUSED)
        desk = Desk(fullstory)
        await asyncio.gather(*[desk.send() for _ in range(5)])
        assert len(fullstory.sent) <= 5 * (10 / PROBE_EVERY_S + 1)

    run(story())


def test_in_an_outage_one_probe_at_a_time_asks_instead_of_every_event() -> None:
    """When nothing has succeeded for five seconds; then all goes on."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else DOWN, lambda _count, s: OK if s >= 60 else DOWN
        )
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        between = [at_s for at_s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < at_s < 60]
        assert between == []
        assert 50 <= len(fullstory.probed_at_s) <= 60
        assert desk.told(Waiting) == [Waiting("fullstory", "status_503")]

    run(story())


@pytest.mark.parametrize(
    ("failure", "at_s"),
    [(DOWN, 8), (Response(503, True, retry_after_s=3), 9), (LOST, 9), (UNKNOWN, 66)],
)
def test_the_end_of_an_outage_lets_go_what_waits_for_its_next_try(
    failure: Response | NoResponse, at_s: float
) -> None:
    """Its waits had grown in it; a time that FullStory told is kept, and a user is waited for."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 8 else failure if s == 6 else DOWN,
            lambda _count, s: OK if s >= 8 else DOWN,
        )
        desk = Desk(
            fullstory, DeliveryPolicy(backoff=Backoff(s_first=1.0), require_known_user=False)
        )
        assert (await desk.send())[0] == Done()
        assert fullstory.sent_at_s == [0, 2, 6, at_s]

    run(story())


def test_the_end_of_an_outage_is_believed_once_as_long_as_no_event_is_worked_on() -> None:
    """`GET /me` answers while events get a 503: the waits grow, as if there were no pauses."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: OK if s >= 600 else DOWN)
        desk = Desk(fullstory, DeliveryPolicy(backoff=Backoff(s_first=1.0, s_max=60.0)))
        await asyncio.gather(*[desk.send_and_commit("u") for _ in range(10)])
        late = [at_s for at_s in fullstory.sent_at_s if 200 < at_s < 600]
        assert len(late) <= 10 * 400 / 60 + 10
        assert len(desk.told(Resumed)) > 5

    run(story())


@pytest.mark.parametrize("first", [REFUSED, DOWN, LOST])
def test_while_the_key_is_one_of_another_organization_nothing_is_sent(
    first: Response | NoResponse,
) -> None:
    """However the question came up: a key refused, an outage, or one event that is unsure."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else WrongOrganization("o-2"),
        )
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await asyncio.sleep(30)
        later = asyncio.create_task(desk.send())
        assert (await sending)[0] == (await later)[0] == Done()
        assert [at_s for at_s in fullstory.sent_at_s if 10 < at_s < 60] == []
        assert desk.told(Waiting)[-1] == Waiting("fullstory", "wrong_organization")
        assert desk.told(Resumed) == [Resumed("fullstory")]

    run(story())


@pytest.mark.parametrize("first", [DOWN, Response(200, is_json=False)])
def test_an_outage_that_ends_with_a_refused_key_is_told_as_that(first: Response) -> None:
    """A person must act; the end of both is told once."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else REFUSED if s >= 30 else DOWN,
        )
        desk = Desk(fullstory)
        assert (await desk.send())[0] == Done()
        told = [fact for fact in desk.facts if isinstance(fact, Waiting | Resumed)]
        assert [getattr(fact, "why", "") for fact in told] == [
            "answer_is_not_json" if first.status == 200 else "status_503",
            "key_refused",
            "",
        ]

    run(story())


def test_the_failures_of_one_event_among_successes_are_no_outage() -> None:
    """The others go on being sent."""

    async def story() -> None:
        fullstory = FullStory(lambda count, s: DOWN if count == 0 or s in (2, 4, 6, 8) else OK)
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        for _ in range(8):
            await asyncio.sleep(1.1)
            await desk.send()
            desk.throttle.acknowledged(1)
        assert await first == (Done(), 6)
        assert desk.told(Waiting) == []

    run(story())


def test_when_nobody_is_known_everything_halts_with_the_question() -> None:
    """Nothing was skipped, nothing is probed, and nothing goes on by itself."""

    async def story() -> None:
        fullstory = FullStory(in_turn(UNKNOWN))
        desk = Desk(fullstory)
        users = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(250)]
        await asyncio.sleep(3_600)
        assert not any(one.done() for one in users)
        assert UNKNOWN_USERS_MAX <= len(fullstory.sent) <= UNKNOWN_USERS_MAX + 10
        assert fullstory.probed_at_s == []
        [halted] = desk.told(HaltedScope)
        assert isinstance(halted, HaltedScope)
        assert (halted.scope, halted.why) == ("everything", "nobody_is_known")
        assert "FS.identify" in halted.fix
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)

    run(story())


@pytest.mark.parametrize("answer", [REFUSED, LOST])
@pytest.mark.parametrize("at", [200, 202], ids=["before", "after"])
def test_a_halt_ends_a_pause_and_no_pause_ends_a_halt(
    at: int, answer: Response | NoResponse
) -> None:
    """A probe that was under way must not open the door again, and nothing begins one."""

    async def story() -> None:
        fullstory = FullStory(
            lambda count, _s: REFUSED if not count else answer if count == at else UNKNOWN
        )
        desk = Desk(fullstory)
        users = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(400)]
        await asyncio.sleep(50)  # an unknown user's second try comes after a minute
        assert 200 < len(fullstory.sent) <= 215
        await asyncio.sleep(600)
        assert len(fullstory.sent) <= 215
        assert len(desk.told(HaltedScope)) == 1
        assert len(desk.told(Resumed)) == 1
        assert len(desk.told(Waiting)) == (2 if answer is REFUSED and at == 200 else 1)
        assert len(fullstory.probed_at_s) == 1
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)

    run(story())


def test_a_refusal_while_the_quota_is_used_up_is_no_dead_letter() -> None:
    """Everything waits for the new month, asking once a minute."""

    async def story() -> None:
        refused = Response(400, True, None, "bad")
        fullstory = FullStory(lambda _count, s: refused if s < 600 else OK)
        fullstory.quota_used_up_until_s = 600
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(50)])
        assert {decision for decision, _ in sent} == {Done()}
        assert len(fullstory.sent) <= 50 + 11
        assert fullstory.quota_asked <= 12
        assert len(fullstory.probed_at_s) <= 11
        assert desk.told(Waiting) == [Waiting("fullstory", "quota_used_up")]

    run(story())


def test_refusals_ask_for_the_quota_once_a_minute() -> None:
    """A thousand poison events are not a thousand questions."""

    async def story() -> None:
        fullstory = FullStory(in_turn(Response(400, is_json=True)))
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(1_000)])
        assert {decision for decision, _ in sent} == {Reject("refused_by_fullstory", 400)}
        assert fullstory.quota_asked == 1

    run(story())


@pytest.mark.parametrize(
    "answer", [Response(200, is_json=False), Response(302, is_json=False)], ids=["html", "redirect"]
)
def test_a_proxy_that_answers_for_fullstory_is_an_outage(answer: Response) -> None:
    """Nothing is delivered by it, and it is asked by one probe at a time."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else answer, lambda _count, s: OK if s >= 60 else answer
        )
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        assert len(desk.told(Waiting)) == 1
        assert len([s for s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < s < 60]) == 0

    run(story())


def test_one_failure_after_a_quiet_hour_is_no_outage() -> None:
    """Nothing has succeeded for an hour, but nothing was tried either."""

    async def story() -> None:
        desk = Desk(FullStory(in_turn(OK, DOWN, OK)))
        await desk.send()
        await asyncio.sleep(3_600)
        await desk.send()
        assert desk.told(Waiting) == []

    run(story())


def test_closing_ends_the_probing() -> None:
    """A stopped bridge asks nobody anything."""

    async def story() -> Sequence[float]:
        fullstory = FullStory(in_turn(REFUSED), probe=in_turn(REFUSED))
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await asyncio.sleep(3.5 * PROBE_EVERY_S)
        await desk.sender.close()
        await asyncio.sleep(10)
        sending.cancel()
        return fullstory.probed_at_s

    assert len(run(story())) == 3
