"""A local Schema Registry stand-in: Confluent's REST API, in memory, on loopback.

Invariants: responses match Confluent's registry strictly (ids, error codes, content types), so that
tests catch lax clients. A schema has one id across all subjects of a context (`:.eu:` in
`:.eu:payments-value`), and its GUID depends only on its content. Ids of different contexts are
independent. Compatibility is not checked.
"""

import asyncio
import json
import ssl
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from aiohttp import web

_JSON = "application/vnd.schemaregistry.v1+json"
_SHUTDOWN_S = 0.2
_HTML = "<html><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered schema; `content` is the relevant part of the POST body."""

    number: int
    guid: str
    content: Mapping[str, Any]


class RegistryStandIn:
    """A registry that runs during an `async with` block.

    Settings that may change at any time: `authorization` (the required header, e.g. `Bearer …`;
    None: none required), `delay_s` (before each response), `status` (respond to every request
    with it and an HTML body, as proxies do). With `tls` it serves HTTPS. `requests` counts
    requests by path, without query.
    """

    def __init__(
        self, *, authorization: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.authorization = authorization
        self._tls = tls
        self.delay_s = 0.0
        self.status: int | None = None
        self.requests: Counter[str] = Counter()
        self._contexts: defaultdict[str, dict[str, Registered]] = defaultdict(dict)
        self._subjects: dict[str, list[Registered]] = {}
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash; the same before and after `down`."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def up(self) -> None:
        """Starts listening; after `down`, on the same port."""
        if self._runner is not None:
            return
        runner = web.AppRunner(
            self._app(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def down(self) -> None:
        """Stops listening: connections are refused. Registered schemas are kept."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def register(self, subject: str, content: Mapping[str, Any]) -> Registered:
        """Adds a version to a subject, unless the subject already has this schema.

        `content` has the keys of Confluent's POST: `schema` (text), `schemaType`, `references`.
        """
        canonical = json.dumps(dict(content), sort_keys=True)
        schemas = self._contexts[_context(subject)]
        number = len(schemas) + 1
        guid = str(uuid.uuid5(uuid.NAMESPACE_OID, canonical))
        found = schemas.setdefault(canonical, Registered(number, guid, dict(content)))
        versions = self._subjects.setdefault(subject, [])
        if found not in versions:
            versions.append(found)
        return found

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._check])
        app.add_routes(
            [
                web.get("/subjects", self._get_subjects),
                web.post("/subjects/{subject}", self._look_up),
                web.get("/subjects/{subject}/versions", self._get_versions),
                web.post("/subjects/{subject}/versions", self._post_version),
                web.get("/subjects/{subject}/versions/{version}", self._get_version),
                web.get("/schemas/ids/{id}", self._get_by_id),
                web.get("/schemas/guids/{guid}", self._get_by_guid),
            ]
        )
        return app

    @web.middleware
    async def _check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests[request.path] += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status is not None:
            headers = {"Location": "/elsewhere"} if 300 <= self.status < 400 else None
            return web.Response(
                status=self.status, headers=headers, text=_HTML, content_type="text/html"
            )
        if self.authorization not in (None, request.headers.get("Authorization")):
            return _error(401, 401, "Unauthorized")
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            return _error(404, 404, "HTTP 404 Not Found")
        return answer

    async def _get_subjects(self, request: web.Request) -> web.Response:
        return _json(sorted(self._subjects))

    async def _post_version(self, request: web.Request) -> web.Response:
        content = _content(await request.json())
        if content is None:
            return _error(422, 42201, "Either the input schema or one of its references is invalid")
        for reference in content.get("references", []):
            subject = _qualified(reference["subject"], request.match_info["subject"])
            if self._find(subject, str(reference["version"])) is None:
                return _error(422, 42201, f"No schema reference found for {reference['name']}")
        registered = self.register(request.match_info["subject"], content)
        return _json({"id": registered.number, "guid": registered.guid, **registered.content})

    async def _look_up(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        if subject not in self._subjects:
            return _error(404, 40401, f"Subject '{subject}' not found.")
        content = _content(await request.json())
        for version, registered in enumerate(self._subjects[subject], 1):
            if registered.content == content:
                return _json(_version_body(subject, version, registered))
        return _error(404, 40403, "Schema not found")

    async def _get_versions(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        if subject not in self._subjects:
            return _error(404, 40401, f"Subject '{subject}' not found.")
        return _json(list(range(1, len(self._subjects[subject]) + 1)))

    async def _get_version(self, request: web.Request) -> web.Response:
        subject, version = request.match_info["subject"], request.match_info["version"]
        if subject not in self._subjects:
            return _error(404, 40401, f"Subject '{subject}' not found.")
        if version != "latest" and not version.isdecimal():
            return _error(422, 42202, f"The specified version '{version}' is not a valid version")
        found = self._find(subject, version)
        if found is None:
            return _error(404, 40402, f"Version {version} not found.")
        return _json(_version_body(subject, *found))

    async def _get_by_id(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        schemas = self._contexts[_context(request.query.get("subject", ""))]
        for registered in schemas.values():
            if str(registered.number) == wanted:
                return _json({"guid": registered.guid, **registered.content})
        return _error(404, 40403, f"Schema {wanted} not found")

    async def _get_by_guid(self, request: web.Request) -> web.Response:
        wanted = request.match_info["guid"]
        for registered in chain.from_iterable(map(dict.values, self._contexts.values())):
            if registered.guid == wanted:
                return _json({"guid": registered.guid, **registered.content})
        return _error(404, 40403, f"Schema {wanted} not found")

    def _find(self, subject: str, version: str) -> tuple[int, Registered] | None:
        versions = self._subjects.get(subject, [])
        number = len(versions) if version == "latest" else int(version)
        return (number, versions[number - 1]) if 1 <= number <= len(versions) else None


def _context(subject: str) -> str:
    """The prefix of a subject that names its context; "" is the default context."""
    return subject[: subject.index(":", 1) + 1] if subject.startswith(":") else ""


def _qualified(subject: str, referenced_by: str) -> str:
    """A referenced subject; without a context, it is in that of the schema that references it."""
    return subject if subject.startswith(":") else _context(referenced_by) + subject


def _content(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The relevant part of a POST body, without the default type AVRO; None if invalid."""
    if not isinstance(body.get("schema"), str):
        return None
    content = {key: body[key] for key in ("schema", "schemaType", "references") if body.get(key)}
    if content.get("schemaType") == "AVRO":
        del content["schemaType"]
    if "schemaType" not in content:
        try:
            json.loads(content["schema"])
        except ValueError:
            return None
    return content


def _version_body(subject: str, version: int, registered: Registered) -> dict[str, Any]:
    named = {"subject": subject, "version": version, "id": registered.number}
    return {**named, "guid": registered.guid, **registered.content}


def _json(answer: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=json.dumps(answer).encode(), content_type=_JSON)


def _error(status: int, code: int, message: str) -> web.Response:
    return _json({"error_code": code, "message": message}, status)
