"""Finds the proxy in the environment."""

import pytest

from bridge.errors import SetupError
from bridge.proxy import proxy_for

API = "https://api.fullstory.com"
PROXY = "http://user:secret@proxy:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (API, {}, None),
        (API, {"HTTPS_PROXY": PROXY}, PROXY),
        (API, {"https_proxy": "http://small:1", "HTTPS_PROXY": PROXY}, "http://small:1"),
        (API, {"HTTP_PROXY": PROXY}, None),
        ("http://gateway:8080", {"HTTP_PROXY": PROXY}, PROXY),
        (API, {"HTTPS_PROXY": PROXY, "NO_PROXY": "other,.fullstory.com"}, None),
        (API, {"HTTPS_PROXY": PROXY, "no_proxy": "*"}, None),
        (API, {"HTTPS_PROXY": PROXY, "NO_PROXY": "fullstory.org"}, PROXY),
        (API, {"HTTPS_PROXY": ""}, None),
        ("http://127.0.0.1:8080", {"HTTP_PROXY": PROXY}, None),
        ("http://localhost:8080", {"HTTP_PROXY": PROXY}, None),
        ("http://[::1]:8080", {"HTTP_PROXY": PROXY}, None),
    ],
)
def test_the_proxy_is_found_as_by_other_programs(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    """By the URL's scheme, except for excluded hosts and loopback addresses."""
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize("value", ["proxy:3128", "socks5://proxy:1080", "http://", "http://p:x"])
def test_an_invalid_proxy_fails_the_start(value: str) -> None:
    """The error does not repeat it: it may contain a password."""
    with pytest.raises(SetupError, match="HTTPS_PROXY: not the URL of an HTTP proxy") as raised:
        proxy_for(API, {"HTTPS_PROXY": value})
    assert "socks5" not in str(raised.value)
