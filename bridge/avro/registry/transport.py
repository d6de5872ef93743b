"""Requests to the registry's REST API: TLS, credentials, limits, failover, errors.

Invariants: every request has a timeout and every response a maximum size. Redirects are refused,
because they would send credentials to another host. "Not found" counts only with the registry's
own error code; any other response without the expected JSON means that the registry is
unavailable. Messages contain host and path, never credentials.
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
from bridge.proxy import without_user

_NOT_FOUND_CODES = frozenset({40401, 40402, 40403})
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How to connect to the registry. `basic_auth` is `user:password`; files are PEM.

    `urls` are tried in order, starting with the one that answered last. `proxies` has the proxy of
    each URL that needs one. `unknown_ttl_s` is the time for which an unknown id is cached.
    """

    urls: tuple[str, ...]
    timeout_s: float = 5.0
    basic_auth: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    client_key_password: str | None = field(default=None, repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    unknown_ttl_s: float = 30.0
    answer_bytes_max: int = 8 * 1024 * 1024


class NotFoundError(Exception):
    """The registry itself answered "not found"; `code` is its error code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RegistryTransport:
    """Sends requests to the registry; the constructor raises SetupError for invalid options."""

    def __init__(self, options: RegistryOptions) -> None:
        self._options = options
        self._bases = [_checked_url(url) for url in options.urls]
        self._proxies = [options.proxies.get(url) for url in options.urls]
        if not self._bases:
            raise SetupError("`avro.registry.url` is empty")
        self._headers = {"Accept": _ACCEPT, **_credentials(options)}
        self._ssl = _ssl_context(options)
        self._current = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        """Host and port of the registry that gets the next request."""
        return _host(self._bases[self._current])

    async def get(self, path: str) -> Any:
        """Get the JSON at `path` (percent-encoded, with a leading slash).

        Raises NotFoundError, or Unavailable if no URL answered.
        """
        failures = []
        for attempt in range(len(self._bases)):
            index = (self._current + attempt) % len(self._bases)
            try:
                content = await self._request(index, path)
            except NotFoundError:
                self._current = index
                raise
            except Unavailable as error:
                failures.append(str(error))
                continue
            self._current = index
            return content
        raise Unavailable("; ".join(failures))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, index: int, path: str) -> Any:
        base, proxy = self._bases[index], self._proxies[index]
        registry = f"the schema registry at {_host(base)}"
        try:
            status, body = await self._exchange(base, path, proxy)
        except TimeoutError:
            limit = self._options.timeout_s
            raise Unavailable(
                f"{registry} did not answer within {limit:g} s (GET {path})"
            ) from None
        except aiohttp.ClientConnectorCertificateError:
            raise Unavailable(
                f"{registry} has a certificate that is not trusted: set `ssl.ca.location`"
            ) from None
        except aiohttp.ClientHttpProxyError as error:
            what = f"answered {error.status}"
            raise Unavailable(_proxy_failure(registry, proxy or "", what)) from None
        except aiohttp.ClientProxyConnectionError:
            raise Unavailable(_proxy_failure(registry, proxy or "", "does not answer")) from None
        except (aiohttp.ClientError, OSError) as error:
            kind = type(error).__name__
            raise Unavailable(f"{registry} cannot be reached ({kind}): check the URL") from None
        return _parse_response(registry, path, status, body)

    async def _exchange(self, base: str, path: str, proxy: str | None) -> tuple[int, bytes]:
        url = URL(base + path, encoded=True)
        async with self._open_session().get(
            url, headers=self._headers, allow_redirects=False, ssl=self._ssl, proxy=proxy
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > self._options.answer_bytes_max:
                    raise aiohttp.ClientPayloadError("the response is too long")
            return response.status, bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        """The session; created at the first request, because it belongs to the running loop."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._options.timeout_s)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=jar)
        return self._session


def _proxy_failure(registry: str, proxy: str, what: str) -> str:
    return (
        f"{registry} cannot be reached: its proxy {without_user(proxy)} {what}: check"
        " `avro.registry.proxy`, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    )


def _parse_response(registry: str, path: str, status: int, body: bytes) -> Any:
    """Return the JSON of a response; raises NotFoundError, or Unavailable with a fix."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if status == 200 and content is not None:
        return content
    code = content.get("error_code") if isinstance(content, dict) else None
    if status == 404 and code in _NOT_FOUND_CODES:
        raise NotFoundError(code)
    fixes: Mapping[int, str] = {
        200: "200, but not with JSON: check if a proxy answers instead",
        401: "401: check `basic.auth.user.info` or `bearer.auth.token`",
        403: "403: check that these credentials may read schemas",
        407: "407: check the user and the password in the proxy's URL",
        404: "404 without a registry's error code: check the path in `avro.registry.url`",
    }
    fix = fixes.get(status, str(status))
    if 300 <= status < 400:
        fix = f"{status}, a redirect, which is not followed: set the URL that it points to"
    raise Unavailable(f"{registry} answered {fix} (GET {path})")


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise SetupError(
            "`avro.registry.url` contains a user or password, which would appear in logs: "
            "use `basic.auth.user.info`"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError("`avro.registry.url` must begin with http:// or https:// and a host")
    if parts.query or parts.fragment:
        raise SetupError("`avro.registry.url` must not contain `?` or `#`")
    return url.rstrip("/")


def _host(base: str) -> str:
    return urlsplit(base).netloc


def _credentials(options: RegistryOptions) -> dict[str, str]:
    if options.basic_auth is not None and options.bearer_token is not None:
        raise SetupError("set `basic.auth.user.info` or a bearer token for the registry, not both")
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
        # Without any password, OpenSSL would ask for it on the terminal.
        password = options.client_key_password or ""
        context.load_cert_chain(options.client_cert, options.client_key, password)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"`ssl.certificate.location` cannot be used: {error}; if its key is encrypted, check"
            " `ssl.key.password`"
        ) from None
    return context
