"""The faults of the FullStory stand-in: each knob, seen from a client."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from bridge.sandbox.fullstory.ledger import read_ledger
from bridge.sandbox.fullstory.server import FullStoryStandIn

BODY = b'{"event":{"event_name":"x"}}'


class Caller:
    """A client; the fixture's one times out after 0.3 s."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}

    async def event(self) -> int:
        """The status of one valid event."""
        path = "/users/v1/individual/u/customevent"
        async with self.session.post(
            self.url + path, data=BODY, headers=self.headers, allow_redirects=False
        ) as answer:
            return answer.status

    async def me(self) -> int:
        """The status of `GET /me`."""
        async with self.session.get(self.url + "/me", headers=self.headers) as answer:
            return answer.status


@pytest_asyncio.fixture
async def stand_in() -> AsyncIterator[FullStoryStandIn]:
    """A stand-in without faults."""
    async with FullStoryStandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def caller(stand_in: FullStoryStandIn) -> AsyncIterator[Caller]:
    """A client of the stand-in that times out after 0.3 s."""
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Caller(stand_in.url, stand_in.key, session)


async def test_down_refuses_connections_and_up_listens_on_the_same_port(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """Open keep-alive connections are closed too."""
    assert await caller.event() == 200
    await stand_in.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await caller.event()
    await stand_in.up()
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 2


async def test_a_period_of_429s_affects_events_and_not_me(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """Rate limits are per endpoint; affected events are not applied."""
    stand_in.start_fault_period(429, count=2, retry_after=1)
    assert [await caller.event(), await caller.me(), await caller.event()] == [429, 200, 429]
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 1
    assert stand_in.answers == {429: 2, 200: 2}


async def test_an_outage_affects_me_too(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """A period of 503s affects all endpoints until it is cleared."""
    stand_in.start_fault_period(503)
    assert [await caller.event(), await caller.me()] == [503, 503]
    stand_in.faults.clear()
    assert [await caller.event(), await caller.me()] == [200, 200]


async def test_proxy_responses_can_be_injected(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """Redirects and HTML with status 200 are possible; nothing is applied."""
    stand_in.start_fault_period(302, count=1, location="https://login.invalid/")
    assert await caller.event() == 302
    stand_in.start_fault_period(200, count=1, body=b"<html>", content_type="text/html")
    assert await caller.event() == 200
    assert not stand_in.accepted


async def test_an_event_with_response_500_may_have_been_applied(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """With `applied`, the event is applied despite the error, as real servers may do."""
    stand_in.start_fault_period(500, count=1, applied=True)
    assert await caller.event() == 500
    assert len(stand_in.accepted) == 1


async def test_a_black_hole_applies_and_never_answers(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """The caller times out, but the event is applied."""
    stand_in.faults.black_hole = True
    stand_in.faults.spare_me = True
    with pytest.raises(TimeoutError):
        await caller.event()
    assert await caller.me() == 200
    assert len(stand_in.accepted) == 1
    assert stand_in.ledger.unanswered == 1


async def test_a_hanging_server_does_not_apply_cancelled_requests(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """To the caller this looks the same as a black hole."""
    stand_in.faults.hang_s = 0.5
    with pytest.raises(TimeoutError):
        await caller.event()
    stand_in.faults.clear()
    await asyncio.sleep(0.3)
    assert not stand_in.accepted
    assert stand_in.ledger.unanswered == 1


async def test_latency_delays_only_the_response(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """The event is applied before the delay."""
    stand_in.faults.latency_s = 0.1
    pending = asyncio.create_task(caller.event())
    await asyncio.sleep(0.06)
    assert len(stand_in.accepted) == 1
    assert await pending == 200


async def test_a_connection_is_closed_without_a_response(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """The given number of events is applied without a response; later ones are answered."""
    stand_in.faults.close_without_answer = 1
    with pytest.raises(aiohttp.ClientError):
        await caller.event()
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 2


async def test_a_revoked_key_can_be_renewed(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """While it is revoked, every request gets 401."""
    stand_in.revoke_key()
    assert [await caller.event(), await caller.me()] == [401, 401]
    stand_in.renew_key()
    assert await caller.event() == 200
    stand_in.renew_key("na1.other")
    assert await caller.event() == 401


async def test_a_black_hole_does_not_block_shutdown() -> None:
    """Leaving the block aborts pending requests."""
    arrived = asyncio.Event()

    def known(_uid: str) -> bool:
        arrived.set()
        return True

    async with aiohttp.ClientSession() as session:
        async with FullStoryStandIn(known=known) as stand_in:
            stand_in.faults.black_hole = True
            pending = asyncio.create_task(Caller(stand_in.url, stand_in.key, session).event())
            await arrived.wait()
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(pending, 2)


async def test_a_separate_process_writes_a_ledger_and_has_a_control_port(tmp_path: Path) -> None:
    """Another process can read the accepted events and set the knobs."""
    file = tmp_path / "ledger"
    process = await asyncio.create_subprocess_exec(
        *[
            sys.executable,
            "-m",
            "bridge.sandbox.fullstory",
            "--key",
            "na1.k",
            "--ledger",
            str(file),
        ],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        addresses = orjson.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            await _drive(Caller(addresses["url"], "na1.k", session), addresses["control"], file)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0


async def _drive(caller: Caller, control: str, file: Path) -> None:
    assert await caller.event() == 200
    (entry,) = read_ledger(file)
    assert (entry.uid, entry.body) == ("u", BODY)
    assert await _configure(caller, control, {"fault_period": {"status": 503, "count": 1}}) == 200
    assert await caller.event() == 503
    assert await _configure(caller, control, {"unknown": ["u"], "latency_s": 0.01}) == 200
    assert await caller.event() == 404
    assert await _configure(caller, control, {"unknown": [], "failing": "u"}) == 200
    assert await caller.event() == 500
    assert await _configure(caller, control, {"failing": "other"}) == 200
    assert await _configure(caller, control, {"unknwon": ["u"]}) == 400
    assert await _configure(caller, control, {"black_hole": 1}) == 400
    assert await _configure(caller, control, {"down": True}) == 200
    with pytest.raises(aiohttp.ClientError):
        await caller.event()
    assert await _configure(caller, control, {"down": False, "clear": True, "unknown": []}) == 200
    assert await caller.event() == 200
    async with caller.session.get(control + "/counts") as answer:
        counts = await answer.json()
    assert counts["answers"] == {"200": 2, "404": 1, "500": 1, "503": 1}
    assert counts["accepted"] == len(read_ledger(file)) == 2


async def _configure(caller: Caller, control: str, knobs: dict[str, Any]) -> int:
    async with caller.session.post(control + "/knobs", data=orjson.dumps(knobs)) as answer:
        return answer.status
