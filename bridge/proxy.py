"""Finds the proxy for an address in the environment, once at start.

aiohttp's own `trust_env` looks it up for every request, which costs more than the request. It also
reads ~/.netrc, which may contain credentials for other services.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from bridge.errors import SetupError

NOT_A_PROXY: Final = "not the URL of an HTTP proxy"
PROXY_EXAMPLE: Final = "http://proxy.example:3128"


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for a URL: `HTTPS_PROXY` or `HTTP_PROXY`, unless `NO_PROXY` contains the host.

    Lowercase names take precedence, as in curl. Loopback addresses never use a proxy.

    Raises:
        SetupError: the value is not the URL of an HTTP proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = f"{parts.scheme}_proxy"
    proxy = environment.get(name) or environment.get(name.upper())
    if not proxy or _is_loopback(host):
        return None
    no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if proxy_bypass_environment(parts.netloc, {"no": no_proxy}):
        return None
    if not is_http_proxy(proxy):
        raise SetupError(f"{name.upper()}: {NOT_A_PROXY}\n    fix: {PROXY_EXAMPLE}")
    return proxy


def is_http_proxy(url: str) -> bool:
    """Whether this is the URL of an HTTP proxy."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def without_user(url: str) -> str:
    """The host and port of a proxy's URL, which may contain a password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
