"""One question to the registry's REST interface: TLS, credentials, limits, failover, errors.

Invariants: every request has a time limit, every answer a size limit. Redirects are refused (they
would carry credentials elsewhere). Only a registry's own "not found" is an answer; everything
else that is not the asked-for JSON means that the registry is not to be had now. Messages name
host and path, never credentials.
"""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from bridge.errors import SetupError, Unavailable

_NOT_FOUND_CODES = frozenset({40401, 40402, 40403})
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How to reach the registry. `basic_auth` is `user:password`; files are PEM.

    `urls` are tried in turn: the one that answered last is asked first. `unknown_ttl_s` is how
    long an id that the registry does not know is not asked for again.
    """

    urls: tuple[str, ...]
    timeout_s: float = 5.0
    basic_auth: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_key_password: str | None = field(default=None, repr=False)
    unknown_ttl_s: float = 30.0
    answer_bytes_max: int = 8 * 1024 * 1024


class NotFoundError(Exception):
    """The registry itself says that it has no such thing; `code` is its error code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RegistryTransport:
    """Asks the registry; raises SetupError when made with options that cannot work."""

    def __init__(self, options: RegistryOptions) -> None:
        self._options = options
        self._bases = [_checked_url(url) for url in options.urls]
        if not self._bases:
            raise SetupError("`avro.registry.url` is empty")
        self._headers = {"Accept": _ACCEPT, **_credentials(options)}
        self._ssl = _ssl_context(options)
        self._current = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        """Host and port of the registry that is asked first now."""
        return _host(self._bases[self._current])

    async def get(self, path: str) -> Any:
        """The JSON at `path` (percent-encoded, with a leading slash).

        Raises NotFoundError, or Unavailable when no URL gave an answer.
        """
        failures = []
        for turn in range(len(self._bases)):
            index = (self._current + turn) % len(self._bases)
            try:
                answer = await self._ask(self._bases[index], path)
            except NotFoundError:
                self._current = index
                raise
            except Unavailable as error:
                failures.append(str(error))
                continue
            self._current = index
            return answer
        raise Unavailable("; ".join(failures))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, base: str, path: str) -> Any:
        where = f"the schema registry at {_host(base)}"
        try:
            status, body = await self._exchange(base, path)
        except TimeoutError:
            limit = self._options.timeout_s
            raise Unavailable(f"{where} did not answer within {limit:g} s (GET {path})") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Unavailable(
                f"{where} has a certificate that is not trusted: set `ssl.ca.location`"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            kind = type(error).__name__
            raise Unavailable(f"{where} cannot be reached ({kind}): is the URL right?") from None
        return _judge(where, path, status, body)

    async def _exchange(self, base: str, path: str) -> tuple[int, bytes]:
        url = URL(base + path, encoded=True)
        async with self._open().get(
            url, headers=self._headers, allow_redirects=False, ssl=self._ssl
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > self._options.answer_bytes_max:
                    raise aiohttp.ClientPayloadError("the answer is too long")
            return response.status, bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        """The session; made at the first question, since it belongs to the running loop."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._options.timeout_s)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=jar)
        return self._session


def _judge(where: str, path: str, status: int, body: bytes) -> Any:
    """What an answer means: its JSON, NotFoundError, or Unavailable with the cure."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if status == 200 and answer is not None:
        return answer
    code = answer.get("error_code") if isinstance(answer, dict) else None
    if status == 404 and code in _NOT_FOUND_CODES:
        raise NotFoundError(code)
    fixes: Mapping[int, str] = {
        200: "with something that is not JSON: does a proxy answer in its place?",
        401: "with 401: check `basic.auth.user.info` or `bearer.auth.token`",
        403: "with 403: these credentials may not read schemas",
        404: "with 404, not with a registry's error code: check the path in `avro.registry.url`",
    }
    fix = fixes.get(status, f"with {status}")
    if 300 <= status < 400:
        fix = f"with a redirect ({status}), which is not followed: set the URL that it leads to"
    raise Unavailable(f"{where} answered {fix} (GET {path})")


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise SetupError(
            "`avro.registry.url` holds a user or password, which would end up in logs: "
            "use `basic.auth.user.info`"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError("`avro.registry.url` must begin with http:// or https:// and a host")
    if parts.query or parts.fragment:
        raise SetupError("`avro.registry.url` must end with the path: no `?` and no `#`")
    return url.rstrip("/")


def _host(base: str) -> str:
    return urlsplit(base).netloc


def _credentials(options: RegistryOptions) -> dict[str, str]:
    if options.basic_auth is not None and options.bearer_token is not None:
        raise SetupError("the registry gets `basic.auth.user.info` or a bearer token, not both")
    if options.bearer_token is not None:
        return {"Authorization": f"Bearer {options.bearer_token}"}
    if options.basic_auth is None:
        return {}
    if ":" not in options.basic_auth:
        raise SetupError("`basic.auth.user.info` must be `user:password`")
    encoded = base64.b64encode(options.basic_auth.encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def _ssl_context(options: RegistryOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"`ssl.ca.location` cannot be used: {error}") from None
    if options.client_cert is None:
        return context
    try:
        context.load_cert_chain(
            options.client_cert, options.client_key, options.client_key_password
        )
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"`ssl.certificate.location` cannot be used: {error}") from None
    return context
