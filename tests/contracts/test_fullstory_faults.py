"""How the FullStory stand-in misbehaves when asked to: each knob, seen from a client."""

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
    """A client that gives up after 0.3 s."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}

    async def event(self) -> int:
        """The status of one good event."""
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
    """A stand-in in good health."""
    async with FullStoryStandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def caller(stand_in: FullStoryStandIn) -> AsyncIterator[Caller]:
    """A client of it."""
    timeout = aiohttp.ClientTimeout(total=0.3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Caller(stand_in.url, stand_in.key, session)


async def test_down_refuses_connections_and_up_listens_on_the_same_port(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """Kept connections are cut too."""
    assert await caller.event() == 200
    await stand_in.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await caller.event()
    await stand_in.up()
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 2


async def test_a_429_spell_hits_events_and_spares_me(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """The limit is the endpoint's own; nothing is applied."""
    stand_in.spell(429, count=2, retry_after=1)
    assert [await caller.event(), await caller.me(), await caller.event()] == [429, 200, 429]
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 1
    assert stand_in.answers == {429: 2, 200: 2}


async def test_an_outage_hits_me_too(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """A 503 spell is for everybody, until it is lifted."""
    stand_in.spell(503)
    assert [await caller.event(), await caller.me()] == [503, 503]
    stand_in.faults.clear()
    assert [await caller.event(), await caller.me()] == [200, 200]


async def test_a_proxy_answers_in_its_own_way(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """Redirects and HTML with 200 can be asked for; nothing is applied."""
    stand_in.spell(302, count=1, location="https://login.invalid/")
    assert await caller.event() == 302
    stand_in.spell(200, count=1, body=b"<html>", content_type="text/html")
    assert await caller.event() == 200
    assert not stand_in.accepted


async def test_an_event_behind_a_500_may_have_been_applied(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """`applied` makes the answer a lie, as real servers do."""
    stand_in.spell(500, count=1, applied=True)
    assert await caller.event() == 500
    assert len(stand_in.accepted) == 1


async def test_a_black_hole_applies_and_never_answers(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """The caller times out, the event is there."""
    stand_in.faults.black_hole = True
    stand_in.faults.spare_me = True
    with pytest.raises(TimeoutError):
        await caller.event()
    assert await caller.me() == 200
    assert len(stand_in.accepted) == 1
    assert stand_in.ledger.unanswered == 1


async def test_a_hanging_server_does_not_apply_what_was_given_up(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """The opposite case, which looks the same to the caller."""
    stand_in.faults.hang_s = 0.5
    with pytest.raises(TimeoutError):
        await caller.event()
    stand_in.faults.clear()
    await asyncio.sleep(0.3)
    assert not stand_in.accepted
    assert stand_in.ledger.unanswered == 1


async def test_a_late_answer_is_an_applied_event(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """Latency lies on the way back."""
    stand_in.faults.latency_s = 0.1
    pending = asyncio.create_task(caller.event())
    await asyncio.sleep(0.06)
    assert len(stand_in.accepted) == 1
    assert await pending == 200


async def test_a_connection_is_cut_instead_of_an_answer(
    stand_in: FullStoryStandIn, caller: Caller
) -> None:
    """So many events are applied without an answer, then all is well."""
    stand_in.faults.close_without_answer = 1
    with pytest.raises(aiohttp.ClientError):
        await caller.event()
    assert await caller.event() == 200
    assert len(stand_in.accepted) == 2


async def test_a_revoked_key_comes_back(stand_in: FullStoryStandIn, caller: Caller) -> None:
    """401 for everything in between."""
    stand_in.revoke_key()
    assert [await caller.event(), await caller.me()] == [401, 401]
    stand_in.renew_key()
    assert await caller.event() == 200
    stand_in.renew_key("na1.other")
    assert await caller.event() == 401


async def test_an_open_black_hole_does_not_hold_up_the_end() -> None:
    """Leaving the block cuts what still waits."""
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


async def test_a_process_of_its_own_keeps_a_ledger_and_obeys_its_control_port(
    tmp_path: Path,
) -> None:
    """Another process can compare what was accepted, and turn the knobs."""
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
        where = orjson.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            await _drive(Caller(where["url"], "na1.k", session), where["control"], file)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0


async def _drive(caller: Caller, control: str, file: Path) -> None:
    assert await caller.event() == 200
    (entry,) = read_ledger(file)
    assert (entry.uid, entry.body) == ("u", BODY)
    assert await _turn(caller, control, {"spell": {"status": 503, "count": 1}}) == 200
    assert await caller.event() == 503
    assert await _turn(caller, control, {"unknown": ["u"], "latency_s": 0.01}) == 200
    assert await caller.event() == 404
    assert await _turn(caller, control, {"unknown": [], "failing": "u"}) == 200
    assert await caller.event() == 500
    assert await _turn(caller, control, {"failing": "somebody else"}) == 200
    assert await _turn(caller, control, {"unknwon": ["u"]}) == 400
    assert await _turn(caller, control, {"black_hole": 1}) == 400
    assert await _turn(caller, control, {"down": True}) == 200
    with pytest.raises(aiohttp.ClientError):
        await caller.event()
    assert await _turn(caller, control, {"down": False, "clear": True, "unknown": []}) == 200
    assert await caller.event() == 200
    async with caller.session.get(control + "/counts") as answer:
        counts = await answer.json()
    assert counts["answers"] == {"200": 2, "404": 1, "500": 1, "503": 1}
    assert counts["accepted"] == len(read_ledger(file)) == 2


async def _turn(caller: Caller, control: str, knobs: dict[str, Any]) -> int:
    async with caller.session.post(control + "/knobs", data=orjson.dumps(knobs)) as answer:
        return answer.status
