"""The proxy on the way to FullStory, as the environment names it: looked up once, at start.

aiohttp's own `trust_env` looks it up for every request, which costs more than the request, and
reads ~/.netrc for it, where credentials for somebody else may stand.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from bridge.errors import SetupError


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for an address: `HTTPS_PROXY` or `HTTP_PROXY` unless `NO_PROXY` names the host.

    Small letters go before capitals, as with curl. This machine itself is never behind a proxy.

    Raises:
        SetupError: what is named is not the address of an http proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = f"{parts.scheme}_proxy"
    proxy = environment.get(name) or environment.get(name.upper())
    if not proxy or _is_this_machine(host):
        return None
    never = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if proxy_bypass_environment(parts.netloc, {"no": never}):
        return None
    try:
        through = urlsplit(proxy)
        good = through.scheme in ("http", "https") and bool(through.hostname)
        good = good and through.port != 0
    except ValueError:
        good = False
    if not good:
        raise SetupError(f"{name.upper()}: this is no proxy\n    cure: http://proxy.example:3128")
    return proxy


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
