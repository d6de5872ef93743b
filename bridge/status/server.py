"""The status over HTTP: `/livez` and `/readyz` for an orchestrator, `/status` for anyone.

Invariants:
- It is read-only and needs no authentication, so it exposes no payload value, user id or key.
- It runs from the start of the process to its end, so that a pause during startup is visible.
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
"""How long shutdown waits for clients that read a response slowly."""

_NOT_STORED = {"Cache-Control": "no-store"}


class StatusServer:
    """Serves the status at an address, as an async context manager; port 0 means any free port.

    `now_s` is the clock of the conditions, `clock` the wall clock.

    Raises:
        SetupError: on entering, if it cannot listen at the address.
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
                f"status.listen: cannot listen at {_host_port(self._host, self._port)}:"
                f" {error.strerror or error}\n    fix: use a free address of this machine (also set"
                " by BRIDGE_STATUS__LISTEN), or ~ to disable the status server"
            ) from None
        self.url = f"http://{_host_port(self._host, self._runner.addresses[0][1])}"
        self._observer.notify(Info(f"status server listens at {self.url}/status"))
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
        text = "live" if live else "not live: the poll thread is stuck"
        return _text(text, ok=live)

    async def _readyz(self, request: web.Request) -> web.Response:
        now_s = self._now_s()
        readiness = self._conditions.readiness(now_s)
        lines = [{"degraded": "ready, degraded"}.get(readiness, readiness)]
        if "verbose" in request.query:
            lines += [self._line(condition, now_s) for condition in self._conditions.all(now_s)]
        return _text("\n".join(lines), ok=readiness != "not ready")

    async def _status(self, _: web.Request) -> web.Response:
        now_s = self._now_s()
        conditions = self._conditions
        status = {
            "version": __version__,
            "live": conditions.is_live(now_s),
            "readiness": conditions.readiness(now_s),
            "conditions": [self._as_json(each, now_s) for each in conditions.all(now_s)],
            "partitions": _by_topic(conditions),
            "counts": self._counts.summary(),
        }
        body = orjson.dumps(status, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        return web.Response(body=body, content_type="application/json", headers=_NOT_STORED)

    def _line(self, condition: StatusCondition, now_s: float) -> str:
        component, scope = condition.component, condition.scope
        subject = component if component == scope else f"{component} ({scope})"
        contact = f"; ask: {condition.owner}" if condition.owner else ""
        line = (
            f"{condition.state}: {subject} since {self._since(condition, now_s)}"
            f" ({now_s - condition.since_s:.0f} s): {condition.why}; fix: {condition.fix}{contact}"
        )
        return " ".join(line.split())

    def _as_json(self, condition: StatusCondition, now_s: float) -> dict[str, Any]:
        return {
            "component": condition.component,
            "state": condition.state,
            "scope": condition.scope,
            "since": self._since(condition, now_s),
            "for_s": round(now_s - condition.since_s, 1),
            "why": condition.why,
            "fix": condition.fix,
            "owner": condition.owner,
            "ready": condition.ready,
        }

    def _since(self, condition: StatusCondition, now_s: float) -> str:
        since = datetime.fromtimestamp(self._clock() - (now_s - condition.since_s), UTC)
        return since.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(text: str, *, ok: bool) -> web.Response:
    return web.Response(text=f"{text}\n", status=200 if ok else 503, headers=_NOT_STORED)


def _by_topic(conditions: Conditions) -> dict[str, list[int]]:
    partitions: dict[str, list[int]] = defaultdict(list)
    for topic, partition in sorted(conditions.partitions):
        partitions[topic].append(partition)
    return dict(partitions)


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
