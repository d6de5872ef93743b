"""What holds back all events: outages, unusable keys, an exhausted quota, unknown users only."""

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
    FakeFullStory,
    SenderFixture,
    sequence,
)
from tests.unit.virtual_time import run, settle_down


def test_a_refused_key_pauses_until_a_probe_succeeds() -> None:
    """Each probe reads the key again; then the event is sent unchanged."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(REFUSED, OK), probe=sequence(REFUSED, REFUSED, OK))
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send())
        await settle_down()
        second = asyncio.create_task(fixture.send())
        assert await first == (Done(), 2)
        assert await second == (Done(), 1)
        assert len(fullstory.probed_at_s) == 3
        assert fullstory.sent_at_s == [0.0, 3 * PROBE_EVERY_S, 3 * PROBE_EVERY_S]
        assert fixture.facts_of(Waiting) == [Waiting("fullstory", "key_refused")]
        assert fixture.facts_of(Resumed) == [Resumed("fullstory")]

    run(scenario())


def test_a_key_that_works_only_for_the_probe_causes_no_request_storm() -> None:
    """Each round is a pause of its own."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: OK if s >= 10 else REFUSED)
        fixture = SenderFixture(fullstory)
        await asyncio.gather(*[fixture.send() for _ in range(5)])
        assert len(fullstory.sent) <= 5 * (10 / PROBE_EVERY_S + 1)

    run(scenario())


def test_in_an_outage_one_probe_at_a_time_replaces_events() -> None:
    """From five seconds without a success; when a probe succeeds, all events resume."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 60 else DOWN, lambda _count, s: OK if s >= 60 else DOWN
        )
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        sent_in_outage = [at_s for at_s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < at_s < 60]
        assert sent_in_outage == []
        assert 50 <= len(fullstory.probed_at_s) <= 60
        assert fixture.facts_of(Waiting) == [Waiting("fullstory", "status_503")]

    run(scenario())


@pytest.mark.parametrize(
    ("failure", "at_s"),
    [(DOWN, 8), (Response(503, True, retry_after_s=3), 9), (LOST, 9), (UNKNOWN, 66)],
)
def test_the_end_of_an_outage_ends_backoffs(failure: Response | NoResponse, at_s: float) -> None:
    """A `Retry-After` still applies, and so does the wait for an unknown user."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 8 else failure if s == 6 else DOWN,
            lambda _count, s: OK if s >= 8 else DOWN,
        )
        fixture = SenderFixture(
            fullstory, DeliveryPolicy(backoff=Backoff(base_s=1.0), require_known_user=False)
        )
        assert (await fixture.send())[0] == Done()
        assert fullstory.sent_at_s == [0, 2, 6, at_s]

    run(scenario())


def test_backoffs_end_once_until_an_event_is_processed() -> None:
    """If `GET /me` succeeds while events get a 503, the backoff grows despite the pauses."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda _count, s: OK if s >= 600 else DOWN)
        fixture = SenderFixture(fullstory, DeliveryPolicy(backoff=Backoff(base_s=1.0, max_s=60.0)))
        await asyncio.gather(*[fixture.send_and_commit("u") for _ in range(10)])
        late = [at_s for at_s in fullstory.sent_at_s if 200 < at_s < 600]
        assert len(late) <= 10 * 400 / 60 + 10
        assert len(fixture.facts_of(Resumed)) > 5

    run(scenario())


@pytest.mark.parametrize("first", [REFUSED, DOWN, LOST])
def test_nothing_is_sent_with_a_key_of_another_organization(
    first: Response | NoResponse,
) -> None:
    """Whether it started with a refused key, an outage or an unsure event."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else WrongOrganization("o-2"),
        )
        fixture = SenderFixture(fullstory)
        sending = asyncio.create_task(fixture.send())
        await asyncio.sleep(30)
        later = asyncio.create_task(fixture.send())
        assert (await sending)[0] == (await later)[0] == Done()
        assert [at_s for at_s in fullstory.sent_at_s if 10 < at_s < 60] == []
        assert fixture.facts_of(Waiting)[-1] == Waiting("fullstory", "wrong_organization")
        assert fixture.facts_of(Resumed) == [Resumed("fullstory")]

    run(scenario())


@pytest.mark.parametrize("first", [DOWN, Response(200, is_json=False)])
def test_an_outage_that_ends_with_a_refused_key_is_reported_as_that(first: Response) -> None:
    """Somebody must replace the key; both end with one `Resumed`."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else REFUSED if s >= 30 else DOWN,
        )
        fixture = SenderFixture(fullstory)
        assert (await fixture.send())[0] == Done()
        reported = [fact for fact in fixture.facts if isinstance(fact, Waiting | Resumed)]
        assert [getattr(fact, "why", "") for fact in reported] == [
            "answer_is_not_json" if first.status == 200 else "status_503",
            "key_refused",
            "",
        ]

    run(scenario())


def test_the_failures_of_one_event_among_successes_are_no_outage() -> None:
    """Other events are still sent."""

    async def scenario() -> None:
        fullstory = FakeFullStory(lambda count, s: DOWN if count == 0 or s in (2, 4, 6, 8) else OK)
        fixture = SenderFixture(fullstory)
        first = asyncio.create_task(fixture.send())
        await settle_down()
        for _ in range(8):
            await asyncio.sleep(1.1)
            await fixture.send()
            fixture.throttle.acknowledged(1)
        assert await first == (Done(), 6)
        assert fixture.facts_of(Waiting) == []

    run(scenario())


def test_if_all_users_are_unknown_everything_halts_with_a_fix() -> None:
    """Nothing is skipped, nothing is probed, and nothing resumes by itself."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(UNKNOWN))
        fixture = SenderFixture(fullstory)
        sends = [asyncio.create_task(fixture.send_and_commit(f"u{n}")) for n in range(250)]
        await asyncio.sleep(3_600)
        assert not any(one.done() for one in sends)
        assert UNKNOWN_USERS_MAX <= len(fullstory.sent) <= UNKNOWN_USERS_MAX + 10
        assert fullstory.probed_at_s == []
        [halted] = fixture.facts_of(HaltedScope)
        assert isinstance(halted, HaltedScope)
        assert (halted.scope, halted.why) == ("everything", "nobody_is_known")
        assert "FS.identify" in halted.fix
        for one in sends:
            one.cancel()
        await asyncio.gather(*sends, return_exceptions=True)

    run(scenario())


@pytest.mark.parametrize("answer", [REFUSED, LOST])
@pytest.mark.parametrize("at", [200, 202], ids=["before", "after"])
def test_a_halt_ends_a_pause_and_no_pause_ends_a_halt(
    at: int, answer: Response | NoResponse
) -> None:
    """A running probe must not resume sending, and no new probe starts."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda count, _s: REFUSED if not count else answer if count == at else UNKNOWN
        )
        fixture = SenderFixture(fullstory)
        sends = [asyncio.create_task(fixture.send_and_commit(f"u{n}")) for n in range(400)]
        await asyncio.sleep(50)  # an unknown user is retried after a minute
        assert 200 < len(fullstory.sent) <= 215
        await asyncio.sleep(600)
        assert len(fullstory.sent) <= 215
        assert len(fixture.facts_of(HaltedScope)) == 1
        assert len(fixture.facts_of(Resumed)) == 1
        assert len(fixture.facts_of(Waiting)) == (2 if answer is REFUSED and at == 200 else 1)
        assert len(fullstory.probed_at_s) == 1
        for one in sends:
            one.cancel()
        await asyncio.gather(*sends, return_exceptions=True)

    run(scenario())


def test_a_rejection_while_the_quota_is_exhausted_is_no_dead_letter() -> None:
    """All events wait for the next month, with one check per minute."""

    async def scenario() -> None:
        refused = Response(400, True, None, "bad")
        fullstory = FakeFullStory(lambda _count, s: refused if s < 600 else OK)
        fullstory.quota_exhausted_until_s = 600
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(50)])
        assert {decision for decision, _ in sent} == {Done()}
        assert len(fullstory.sent) <= 50 + 11
        assert fullstory.quota_checks <= 12
        assert len(fullstory.probed_at_s) <= 11
        assert fixture.facts_of(Waiting) == [Waiting("fullstory", "quota_used_up")]

    run(scenario())


def test_rejections_check_the_quota_once_a_minute() -> None:
    """1,000 poison events cause one check."""

    async def scenario() -> None:
        fullstory = FakeFullStory(sequence(Response(400, is_json=True)))
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send_and_commit(f"u{n}") for n in range(1_000)])
        assert {decision for decision, _ in sent} == {Reject("refused_by_fullstory", 400)}
        assert fullstory.quota_checks == 1

    run(scenario())


@pytest.mark.parametrize(
    "answer", [Response(200, is_json=False), Response(302, is_json=False)], ids=["html", "redirect"]
)
def test_a_response_of_a_proxy_is_an_outage(answer: Response) -> None:
    """It delivers nothing, and one probe at a time is sent."""

    async def scenario() -> None:
        fullstory = FakeFullStory(
            lambda _count, s: OK if s >= 60 else answer, lambda _count, s: OK if s >= 60 else answer
        )
        fixture = SenderFixture(fullstory)
        sent = await asyncio.gather(*[fixture.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        assert len(fixture.facts_of(Waiting)) == 1
        assert len([s for s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < s < 60]) == 0

    run(scenario())


def test_one_failure_after_an_idle_hour_is_no_outage() -> None:
    """Nothing succeeded for an hour, but nothing was tried either."""

    async def scenario() -> None:
        fixture = SenderFixture(FakeFullStory(sequence(OK, DOWN, OK)))
        await fixture.send()
        await asyncio.sleep(3_600)
        await fixture.send()
        assert fixture.facts_of(Waiting) == []

    run(scenario())


def test_close_stops_probing() -> None:
    """A stopped bridge sends no requests."""

    async def scenario() -> Sequence[float]:
        fullstory = FakeFullStory(sequence(REFUSED), probe=sequence(REFUSED))
        fixture = SenderFixture(fullstory)
        sending = asyncio.create_task(fixture.send())
        await asyncio.sleep(3.5 * PROBE_EVERY_S)
        await fixture.sender.close()
        await asyncio.sleep(10)
        sending.cancel()
        return fullstory.probed_at_s

    assert len(run(scenario())) == 3
