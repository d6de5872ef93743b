"""The status over HTTP: `/livez` and `/readyz` for an orchestrator, `/status` for everybody.

Invariants: it only tells, and whoever reaches its address may read all it tells: no payload value,
user id or key is in it. It speaks from the first moment to the last, or nobody could see a start
that waits.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from bridge import __version__
from bridge.errors import SetupError
from bridge.observer import Info, Observer
from bridge.status.conditions import Conditions, StatusCondition
from bridge.status.counts import Counts

CLOSE_LIMIT_S = 1.0
"""The end waits no longer for one who reads an answer slowly."""

_NOT_STORED = {"Cache-Control": "no-store"}


class StatusServer:
    """Tells the status at an address; `async with` it. Port 0 is any free one.

    `now_s` is the clock of the conditions, `clock` that of the wall.

    Raises:
        SetupError: on entering, when nothing can listen there.
    """

    def __init__(
        self,
        address: tuple[str, int],
        counts: Counts,
        conditions: Conditions,
        observer: Observer,
        *,
        now_s: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._host, self._port = address
        self._counts = counts
        self._conditions = conditions
        self._observer = observer
        self._now_s = now_s
        self._clock = clock
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/status", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_LIMIT_S)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise SetupError(
                f"status.listen: nothing can listen at {_shown(self._host, self._port)}:"
                f" {error.strerror or error}\n    cure: name a free address of this machine"
                " (BRIDGE_STATUS__LISTEN says it too), or ~ to do without the status"
            ) from None
        self.url = f"http://{_shown(self._host, self._runner.addresses[0][1])}"
        self._observer.notify(Info(f"the status is told at {self.url}/status"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        live = self._conditions.is_live(self._now_s())
        text = "live" if live else "not live: the poll thread stands still"
        return _text(text, well=live)

    async def _readyz(self, request: web.Request) -> web.Response:
        now_s = self._now_s()
        readiness = self._conditions.readiness(now_s)
        lines = [{"degraded": "ready, degraded"}.get(readiness, readiness)]
        if "verbose" in request.query:
            lines += [self._line(one, now_s) for one in self._conditions.all(now_s)]
        return _text("\n".join(lines), well=readiness != "not ready")

    async def _status(self, _: web.Request) -> web.Response:
        now_s = self._now_s()
        conditions = self._conditions
        told = {
            "version": __version__,
            "live": conditions.is_live(now_s),
            "readiness": conditions.readiness(now_s),
            "conditions": [self._told(one, now_s) for one in conditions.all(now_s)],
            "partitions": _by_topic(conditions),
            "counts": self._counts.summary(),
        }
        body = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        return web.Response(body=body, content_type="application/json", headers=_NOT_STORED)

    def _line(self, one: StatusCondition, now_s: float) -> str:
        whom = f"; ask: {one.owner}" if one.owner else ""
        where = one.what if one.what == one.scope else f"{one.what} ({one.scope})"
        line = (
            f"{one.state}: {where} since {self._since(one, now_s)}"
            f" ({now_s - one.since_s:.0f} s): {one.why}; cure: {one.fix}{whom}"
        )
        return " ".join(line.split())

    def _told(self, one: StatusCondition, now_s: float) -> dict[str, Any]:
        return {
            "what": one.what,
            "state": one.state,
            "scope": one.scope,
            "since": self._since(one, now_s),
            "for_s": round(now_s - one.since_s, 1),
            "why": one.why,
            "fix": one.fix,
            "owner": one.owner,
            "ready": one.ready,
        }

    def _since(self, one: StatusCondition, now_s: float) -> str:
        since = datetime.fromtimestamp(self._clock() - (now_s - one.since_s), UTC)
        return since.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(text: str, *, well: bool) -> web.Response:
    return web.Response(text=f"{text}\n", status=200 if well else 503, headers=_NOT_STORED)


def _by_topic(conditions: Conditions) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for topic, partition in sorted(conditions.partitions):
        numbers[topic].append(partition)
    return dict(numbers)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
