"""The decision table on real sockets: FullStory's behavior, and the outcome of the event.

The waits are shortened; the client, the throttle and the probes are the bridge's own.
"""

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.response_classifier import Backoff, DeliveryPolicy
from bridge.fullstory import account_state
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from bridge.fullstory.sender import FullStorySender
from bridge.fullstory.throttle import Throttle
from bridge.observer import Fact, HaltedScope, Retrying, Unsure, Waiting
from bridge.records import Assignment
from bridge.sandbox.fullstory.server import FullStoryStandIn
from tests.integration.fullstory.decision_table import ROWS, TIMEOUT_S, Row, responds
from tests.integration.fullstory.misbehaving_server import OK, Server, http

POLICY = DeliveryPolicy(
    unknown_user_wait_s=0.1,
    backoff=Backoff(base_s=0.01, max_s=0.05),
    exhausted_after_s=1.0,
    exhausted_tries=5,
)


@pytest.fixture(autouse=True)
def _shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_state, "PROBE_EVERY_S", 0.05)
    monkeypatch.setattr(account_state, "OUTAGE_AFTER_S", 0.2)
    monkeypatch.setattr(account_state, "QUOTA_EVERY_S", 0.1)


class Account:
    """A FullStory that follows a row for the first events, and then always succeeds."""

    def __init__(self, row: Row) -> None:
        self._behaviors = list(row.behaviors)
        self._quota = list(row.quota)
        self.server = Server(self._reply)

    @property
    def posts(self) -> list[bytes]:
        """The events it received."""
        return [request for request in self.server.requests if request.startswith(b"POST")]

    async def _reply(self, _number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        if request.startswith(b"GET /v2/organization/quotas "):
            writer.write(self._quota.pop(0) if len(self._quota) > 1 else self._quota[0])
        elif request.startswith(b"POST /users/v1/individual/known/") or not self._behaviors:
            writer.write(OK)
        elif request.startswith(b"POST"):
            await self._behaviors.pop(0)(writer)
        else:
            writer.write(OK)


class SenderFixture:
    """A sender with a client, and the facts it reported."""

    def __init__(self, client: Client, policy: DeliveryPolicy) -> None:
        loop = asyncio.get_running_loop()
        self.facts: list[Fact] = []
        self.halted = asyncio.Event()
        self.throttle = Throttle(
            in_flight_max=256, duplicate_budget=1_000, now_s=loop.time, max_rate=5_000
        )
        self.sender = FullStorySender(
            client, self.throttle, policy, self, now_s=loop.time, chance=random.random
        )

    def notify(self, fact: Fact) -> None:
        """Keep a fact."""
        self.facts.append(fact)
        if isinstance(fact, HaltedScope):
            self.halted.set()

    def reasons(self, kind: type[Waiting | Unsure | Retrying]) -> list[str]:
        """The reasons in the facts of one type."""
        return [fact.why for fact in self.facts if isinstance(fact, kind)]

    async def send(self, user: str) -> tuple[Done | Skip | Reject, int]:
        """Send an event of a user until its final decision, and acknowledge it."""
        path = f"/users/v1/individual/{user}/customevent"
        body = b'{"event":{"event_name":"of %s"}}' % user.encode()
        request = Request("POST", path, body)
        sent = await self.sender.send_first(request, "m", Assignment("t", 0), events=1)
        self.throttle.acknowledged(1)
        return sent


@asynccontextmanager
async def _sender_fixture(
    url: str, policy: DeliveryPolicy = POLICY, timeout_s: float = TIMEOUT_S
) -> Any:
    options = ClientOptions(url, lambda: "na1.sandbox-key", timeout_s=timeout_s)
    async with Client(options) as client:
        fixture = SenderFixture(client, policy)
        try:
            yield fixture
        finally:
            await fixture.sender.close()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_each_row_of_the_table(row: Row) -> None:
    """Every try sends the same bytes, and there is no unnecessary try."""
    account = Account(row)
    loop = asyncio.get_running_loop()
    policy = DeliveryPolicy(
        **{name: getattr(POLICY, name) for name in POLICY.__slots__} | row.policy
    )
    async with account.server.up() as url, _sender_fixture(url, policy) as fixture:
        if row.has_known_user:
            await fixture.send("known")
        begun_s = loop.time()
        async with asyncio.timeout(10):
            decision, tries = await fixture.send("somebody")
        took_s = loop.time() - begun_s
    posts = account.posts[row.has_known_user :]
    assert (decision, tries) == (row.decision, row.tries)
    assert len(posts) == row.tries
    assert len(set(posts)) == 1
    assert len(fixture.reasons(Unsure)) == row.unsure
    assert fixture.reasons(Waiting)[:1] == list(row.waiting)
    assert took_s >= row.min_s


async def test_without_a_listener_it_waits_and_nothing_is_unsure() -> None:
    """The service starts to listen a little later."""
    account = Account(Row([], 1))
    async with account.server.up() as url:
        pass
    async with _sender_fixture(url) as fixture:
        sending = asyncio.create_task(fixture.send("u"))
        await asyncio.sleep(0.5)
        async with account.server.up(int(url.rpartition(":")[2])):
            async with asyncio.timeout(5):
                assert (await sending)[0] == Done()
    assert len(account.posts) == 1
    assert fixture.reasons(Unsure) == []
    assert fixture.reasons(Waiting) == ["connection"]


@pytest.mark.long
@pytest.mark.parametrize("me_answers", [False, True])
async def test_a_server_that_applies_all_without_responses_gets_each_event_at_most_twice(
    me_answers: bool,
) -> None:
    """It is silent for 6 s with a timeout of 1 s, like a minute with a timeout of 10 s.

    The same holds if `GET /me` responds all the time: then new events are the probes.
    """
    async with (
        FullStoryStandIn() as stand_in,
        _sender_fixture(stand_in.url, timeout_s=1.0) as fixture,
    ):
        stand_in.faults.black_hole = True
        stand_in.faults.spare_me = me_answers
        sending = [asyncio.create_task(fixture.send(f"u{n}")) for n in range(100)]
        for n in range(100, 160):
            await asyncio.sleep(0.1)
            sending.append(asyncio.create_task(fixture.send(f"u{n}")))
        stand_in.faults.clear()
        async with asyncio.timeout(10):
            assert {decision for decision, _ in await asyncio.gather(*sending)} == {Done()}
        times = Counter(accepted.uid for accepted in stand_in.accepted)
    tries_per_event = Counter(times.values())
    print(f"\nGET /me answers: {me_answers}; events by number of tries: {dict(tries_per_event)}")  # noqa: T201
    assert set(times) == {f"u{n}" for n in range(160)}
    assert max(tries_per_event) == 2


async def test_poison_events_are_exhausted_and_slow_down_no_others() -> None:
    """16 of 2,000 events always get a 500; 15 minutes are one second here."""

    async def reply(_number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        poison = b"/poison" in request.split(b"\r\n", 1)[0]
        writer.write(http("500 Internal Server Error", body=b"{}") if poison else OK)

    async with Server(reply).up() as url, _sender_fixture(url, timeout_s=5.0) as fixture:
        poison = [asyncio.create_task(fixture.send(f"poison{n}")) for n in range(16)]
        delivered = 0
        while not all(one.done() for one in poison):
            batch = await asyncio.gather(*[fixture.send(f"u{delivered + n}") for n in range(50)])
            assert {decision for decision, tries in batch if tries == 1} == {Done()}
            delivered += len(batch)
        assert {(await one)[0] for one in poison} == {Reject("exhausted", 500)}
        assert fixture.reasons(Waiting) == []
        print(f"\n{delivered} other events delivered meanwhile")  # noqa: T201
    assert delivered > 16 * 19


async def test_an_outage_exhausts_nothing_however_long() -> None:
    """Ten times as long as an event may fail while others succeed."""
    row = Row([responds(http("500 Internal Server Error"))] * 10_000, 0)
    account = Account(row)
    policy = DeliveryPolicy(
        backoff=Backoff(base_s=0.01, max_s=0.02), exhausted_after_s=0.2, exhausted_tries=2
    )
    async with account.server.up() as url, _sender_fixture(url, policy) as fixture:
        sending = [asyncio.create_task(fixture.send(f"u{n}")) for n in range(20)]
        await asyncio.sleep(2)
        account._behaviors.clear()
        async with asyncio.timeout(5):
            assert {decision for decision, _ in await asyncio.gather(*sending)} == {Done()}


async def test_200_unknown_users_halt_with_a_fix() -> None:
    """FullStory knows none of them: nothing is skipped, and no more requests are sent."""
    unknown_users = FullStoryStandIn(known=lambda _uid: False)
    async with unknown_users as stand_in, _sender_fixture(stand_in.url, timeout_s=10.0) as fixture:
        sending = [asyncio.create_task(fixture.send(f"u{n}")) for n in range(300)]
        async with asyncio.timeout(10):
            await fixture.halted.wait()
        await asyncio.sleep(0.3)  # requests in flight end
        response_count = stand_in.answers.total()
        await asyncio.sleep(0.5)
        assert stand_in.answers.total() == response_count
        assert not any(one.done() for one in sending)
        [halted] = [fact for fact in fixture.facts if isinstance(fact, HaltedScope)]
        assert "FS.identify" in halted.fix
        for one in sending:
            one.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_a_revoked_and_renewed_key_loses_nothing() -> None:
    """It happens during a run; the renewed key is read from its source."""
    key = "na1.old"
    async with FullStoryStandIn(key=key) as stand_in:
        options = ClientOptions(stand_in.url, lambda: key)
        async with Client(options) as client:
            fixture = SenderFixture(client, POLICY)
            sending = [asyncio.create_task(fixture.send(f"u{n}")) for n in range(500)]
            await asyncio.sleep(0.05)
            stand_in.revoke_key()
            await asyncio.sleep(0.3)
            key = "na1.new"
            stand_in.renew_key(key)
            async with asyncio.timeout(10):
                assert {decision for decision, _ in await asyncio.gather(*sending)} == {Done()}
            times = Counter(accepted.uid for accepted in stand_in.accepted)
        assert set(times.values()) == {1}
        assert len(times) == 500
        assert set(fixture.reasons(Waiting)) == {"key_refused"}
