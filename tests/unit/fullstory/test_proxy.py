"""Which proxy is on the way."""

import pytest

from bridge.errors import SetupError
from bridge.fullstory.proxy import proxy_for

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
def test_the_environment_names_it_as_for_every_other_program(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    """By the scheme of what is asked for, unless the host is excepted, or this machine."""
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize("named", ["proxy:3128", "socks5://proxy:1080", "http://", "http://p:x"])
def test_what_is_no_http_proxy_is_told_before_anything_runs(named: str) -> None:
    """And is not repeated: it may hold a password."""
    with pytest.raises(SetupError, match="HTTPS_PROXY: this is no proxy") as told:
        proxy_for(API, {"HTTPS_PROXY": named})
    assert "socks5" not in str(told.value)
