"""The decision table on real sockets: what a FullStory does, and what becomes of the event.

Waits are those of the settings, shortened; the client, the throttle and the probes are the
bridge's own.
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
from tests.integration.fullstory.decision_table import ROWS, TIMEOUT_S, Row, says
from tests.integration.fullstory.misbehaving_server import OK, Server, http

POLICY = DeliveryPolicy(
    unknown_user_wait_s=0.1,
    backoff=Backoff(s_first=0.01, s_max=0.05),
    exhausted_after_s=1.0,
    exhausted_tries=5,
)


@pytest.fixture(autouse=True)
def _shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_state, "PROBE_EVERY_S", 0.05)
    monkeypatch.setattr(account_state, "OUTAGE_AFTER_S", 0.2)
    monkeypatch.setattr(account_state, "QUOTA_EVERY_S", 0.1)


class Account:
    """A FullStory that does as a row says to the first events, and answers all else well."""

    def __init__(self, row: Row) -> None:
        self._does = list(row.does)
        self._quota = list(row.quota)
        self.server = Server(self._reply)

    @property
    def posts(self) -> list[bytes]:
        """The events that came."""
        return [request for request in self.server.requests if request.startswith(b"POST")]

    async def _reply(self, _number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        if request.startswith(b"GET /v2/organization/quotas "):
            writer.write(self._quota.pop(0) if len(self._quota) > 1 else self._quota[0])
        elif request.startswith(b"POST /users/v1/individual/known/") or not self._does:
            writer.write(OK)
        elif request.startswith(b"POST"):
            await self._does.pop(0)(writer)
        else:
            writer.write(OK)


class Desk:
    """A sender at work on a client, and what it told."""

    def __init__(self, client: Client, policy: DeliveryPolicy) -> None:
        loop = asyncio.get_running_loop()
        self.facts: list[Fact] = []
        self.halted = asyncio.Event()
        self.throttle = Throttle(
            in_flight_max=256, unacknowledged_max=1_000, now_s=loop.time, max_rate=5_000
        )
        self.sender = FullStorySender(
            client, self.throttle, policy, self, now_s=loop.time, chance=random.random
        )

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)
        if isinstance(fact, HaltedScope):
            self.halted.set()

    def why(self, kind: type[Waiting | Unsure | Retrying]) -> list[str]:
        """The reasons in the facts of one kind."""
        return [fact.why for fact in self.facts if isinstance(fact, kind)]

    async def send(self, user: str) -> tuple[Done | Skip | Reject, int]:
        """Send an event of a user until its last word, and acknowledge it."""
        path = f"/users/v1/individual/{user}/customevent"
        body = b'{"event":{"event_name":"of %s"}}' % user.encode()
        request = Request("POST", path, body)
        sent = await self.sender.send(request, "m", Assignment("t", 0), events=1)
        self.throttle.acknowledged(1)
        return sent


@asynccontextmanager
async def _desk(url: str, policy: DeliveryPolicy = POLICY, timeout_s: float = TIMEOUT_S) -> Any:
    options = ClientOptions(url, lambda: "na1.sandbox-key", timeout_s=timeout_s)
    async with Client(options) as client:
        desk = Desk(client, policy)
        try:
            yield desk
        finally:
            await desk.sender.close()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_each_row_of_the_table(row: Row) -> None:
    """The same bytes on every try, and never one more than needed."""
    account = Account(row)
    loop = asyncio.get_running_loop()
    policy = DeliveryPolicy(
        **{name: getattr(POLICY, name) for name in POLICY.__slots__} | row.policy
    )
    async with account.server.up() as url, _desk(url, policy) as desk:
        if row.is_known:
            await desk.send("known")
        begun_s = loop.time()
        async with asyncio.timeout(10):
            decision, tries = await desk.send("somebody")
        took_s = loop.time() - begun_s
    posts = account.posts[row.is_known :]
    assert (decision, tries) == (row.decision, row.tries)
    assert len(posts) == row.tries
    assert len(set(posts)) == 1
    assert len(desk.why(Unsure)) == row.unsure
    assert desk.why(Waiting)[:1] == list(row.waiting)
    assert took_s >= row.least_s


async def test_nobody_listening_is_waited_for_and_nothing_is_unsure() -> None:
    """The service comes up on its port a little later."""
    account = Account(Row([], 1))
    async with account.server.up() as url:
        pass
    async with _desk(url) as desk:
        sending = asyncio.create_task(desk.send("u"))
        await asyncio.sleep(0.5)
        async with account.server.up(int(url.rpartition(":")[2])):
            async with asyncio.timeout(5):
                assert (await sending)[0] == Done()
    assert len(account.posts) == 1
    assert desk.why(Unsure) == []
    assert desk.why(Waiting) == ["connection"]


@pytest.mark.long
@pytest.mark.parametrize("me_answers", [False, True])
async def test_a_server_that_applies_all_and_answers_none_gets_each_event_twice_at_most(
    me_answers: bool,
) -> None:
    """Silent for 6 s, which is to the time limit as a minute is to ten seconds.

    So it is where `GET /me` answers all the while: new events come, and are the ones on trial.
    """
    async with FullStoryStandIn() as stand_in, _desk(stand_in.url, timeout_s=1.0) as desk:
        stand_in.faults.black_hole = True
        stand_in.faults.spare_me = me_answers
        sending = [asyncio.create_task(desk.send(f"u{n}")) for n in range(100)]
        for n in range(100, 160):
            await asyncio.sleep(0.1)
            sending.append(asyncio.create_task(desk.send(f"u{n}")))
        stand_in.faults.clear()
        async with asyncio.timeout(10):
            assert {decision for decision, _ in await asyncio.gather(*sending)} == {Done()}
        times = Counter(accepted.uid for accepted in stand_in.accepted)
    came = Counter(times.values())
    print(f"\nGET /me answers: {me_answers}; how many events came how often: {dict(came)}")  # noqa: T201
    assert set(times) == {f"u{n}" for n in range(160)}
    assert max(came) == 2


async def test_poison_among_good_ones_is_exhausted_and_slows_nobody_down() -> None:
    """Sixteen that always get a 500 among two thousand; a quarter of an hour is one second."""

    async def reply(_number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        poison = b"/poison" in request.split(b"\r\n", 1)[0]
        writer.write(http("500 Internal Server Error", body=b"{}") if poison else OK)

    async with Server(reply).up() as url, _desk(url, timeout_s=5.0) as desk:
        poison = [asyncio.create_task(desk.send(f"poison{n}")) for n in range(16)]
        good = 0
        while not all(one.done() for one in poison):
            batch = await asyncio.gather(*[desk.send(f"u{good + n}") for n in range(50)])
            assert {decision for decision, tries in batch if tries == 1} == {Done()}
            good += len(batch)
        assert {(await one)[0] for one in poison} == {Reject("exhausted", 500)}
        assert desk.why(Waiting) == []
        print(f"\n{good} good ones meanwhile")  # noqa: T201
    assert good > 16 * 19


async def test_an_outage_exhausts_nothing_however_long() -> None:
    """Ten times as long as an event may fail among good ones."""
    row = Row([says(http("500 Internal Server Error"))] * 10_000, 0)
    account = Account(row)
    policy = DeliveryPolicy(
        backoff=Backoff(s_first=0.01, s_max=0.02), exhausted_after_s=0.2, exhausted_tries=2
    )
    async with account.server.up() as url, _desk(url, policy) as desk:
        sending = [asyncio.create_task(desk.send(f"u{n}")) for n in range(20)]
        await asyncio.sleep(2)
        account._does.clear()
        async with asyncio.timeout(5):
            assert {decision for decision, _ in await asyncio.gather(*sending)} == {Done()}


async def test_a_wrong_key_for_all_users_halts_with_the_question() -> None:
    """Two hundred users, and FullStory knows none: nothing is skipped, nothing asked any more."""
    nobody = FullStoryStandIn(known=lambda _uid: False)
    async with nobody as stand_in, _desk(stand_in.url, timeout_s=10.0) as desk:
        sending = [asyncio.create_task(desk.send(f"u{n}")) for n in range(300)]
        async with asyncio.timeout(10):
            await desk.halted.wait()
        await asyncio.sleep(0.3)  # what was under way is answered
        asked = stand_in.answers.total()
        await asyncio.sleep(0.5)
        assert stand_in.answers.total() == asked
        assert not any(one.done() for one in sending)
        [halted] = [fact for fact in desk.facts if isinstance(fact, HaltedScope)]
        assert "FS.identify" in halted.fix
        for one in sending:
            one.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_a_key_revoked_and_renewed_loses_nothing() -> None:
    """In the middle of a run; the renewed one is read where it lives."""
    key = "na1.old"
    async with FullStoryStandIn(key=key) as stand_in:
        options = ClientOptions(stand_in.url, lambda: key)
        async with Client(options) as client:
            desk = Desk(client, POLICY)
            sending = [asyncio.create_task(desk.send(f"u{n}")) for n in range(500)]
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
        assert set(desk.why(Waiting)) == {"key_refused"}
