"""Finds the proxy for FullStory in the environment, once at start.

aiohttp's own `trust_env` looks it up for every request, which costs more than the request. It also
reads ~/.netrc, which may contain credentials for other services.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from bridge.errors import SetupError


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
    try:
        proxy_url = urlsplit(proxy)
        valid = proxy_url.scheme in ("http", "https") and bool(proxy_url.hostname)
        valid = valid and proxy_url.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SetupError(
            f"{name.upper()}: not the URL of an HTTP proxy\n    fix: http://proxy.example:3128"
        )
    return proxy


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
