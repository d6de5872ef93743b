"""The FullStory stand-in as a separate process, controlled through a second port.

    python -m bridge.sandbox.fullstory --port 0 --key KEY --ledger FILE

The first line on stdout has the addresses: `{"url": …, "control": …}`. `GET control/counts` returns
the ledger's counts. `POST control/knobs` takes an object of knobs, see `configure`. The control
port stays open while the service is down. SIGTERM and SIGINT stop the process.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiohttp import web

from bridge.sandbox.fullstory.server import HOST, FullStoryStandIn

PREFIX = "/_sandbox"


def serve() -> None:
    """Reads the command line and serves until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox.fullstory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="na1.sandbox-key")
    parser.add_argument("--org", default="o-SANDBOX-na1")
    parser.add_argument("--ledger", type=Path, default=None)
    options = parser.parse_args()
    uvloop.run(
        _serve(
            FullStoryStandIn(
                key=options.key, org=options.org, port=options.port, ledger_file=options.ledger
            )
        )
    )


async def _serve(stand_in: FullStoryStandIn) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with stand_in:
        runner = web.AppRunner(control_app(stand_in), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        addresses = {
            "url": stand_in.url,
            "control": f"http://{HOST}:{runner.addresses[0][1]}{PREFIX}",
        }
        sys.stdout.write(orjson.dumps(addresses).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()
        await runner.cleanup()


def control_app(stand_in: FullStoryStandIn) -> web.Application:
    """The control endpoints `GET counts` and `POST knobs` of a stand-in."""

    async def counts(_request: web.Request) -> web.Response:
        return web.json_response(stand_in.ledger.counts())

    async def knobs(request: web.Request) -> web.Response:
        try:
            await configure(stand_in, orjson.loads(await request.read()))
        except (TypeError, ValueError) as error:
            return web.json_response({"message": str(error)}, status=400)
        return web.json_response({})

    app = web.Application()
    app.router.add_get(f"{PREFIX}/counts", counts)
    app.router.add_post(f"{PREFIX}/knobs", knobs)
    return app


async def configure(stand_in: FullStoryStandIn, knobs: dict[str, Any]) -> None:
    """Sets knobs by name, in the given order.

    - `clear: true`
    - `down: bool`
    - `fault_period: {status, seconds, count, retry_after …}` or null
    - `limit: {rate, burst}` or null
    - `key: string` or null (revoked)
    - `org: string`
    - `unknown: [uid]`
    - `failing: prefix` of the users whose v1 events get 500
    - fields of `Faults`: `latency_s`, `hang_s`, `black_hole`, `close_without_answer`, `spare_me`

    Raises `ValueError` or `TypeError` for anything else.
    """
    for name, value in knobs.items():
        if name == "down":
            await (stand_in.down() if value else stand_in.up())
        elif name in _SIMPLE:
            if type(value) not in _SIMPLE[name]:
                raise TypeError(f"invalid type of {name}: {type(value).__name__}")
            setattr(stand_in.faults, name, value)
        elif name in _KNOBS:
            _KNOBS[name](stand_in, value)
        else:
            raise ValueError(f"unknown knob: {name}")


_SIMPLE: dict[str, tuple[type, ...]] = {
    "latency_s": (int, float),
    "hang_s": (int, float),
    "black_hole": (bool,),
    "spare_me": (bool,),
    "close_without_answer": (int,),
}


def _clear(stand_in: FullStoryStandIn, _value: object) -> None:
    stand_in.faults.clear()


def _fault_period(stand_in: FullStoryStandIn, value: dict[str, Any] | None) -> None:
    if value is None:
        stand_in.faults.fault_period = None
        return
    body = value.get("body")
    stand_in.start_fault_period(**{**value, "body": None if body is None else body.encode()})


def _limit(stand_in: FullStoryStandIn, value: dict[str, float] | None) -> None:
    if value is None:
        stand_in.faults.bucket = None
    else:
        stand_in.limit(**value)


def _key(stand_in: FullStoryStandIn, value: str | None) -> None:
    if value is None:
        stand_in.revoke_key()
    else:
        stand_in.renew_key(value)


def _org(stand_in: FullStoryStandIn, value: str) -> None:
    stand_in.org = value


def _unknown(stand_in: FullStoryStandIn, value: list[str]) -> None:
    unknown = frozenset(value)
    stand_in.known = lambda uid: uid not in unknown


def _failing(stand_in: FullStoryStandIn, prefix: str) -> None:
    stand_in.fails = lambda uid: uid.startswith(prefix)


_KNOBS: dict[str, Callable[[FullStoryStandIn, Any], None]] = {
    "clear": _clear,
    "fault_period": _fault_period,
    "limit": _limit,
    "key": _key,
    "org": _org,
    "unknown": _unknown,
    "failing": _failing,
}
