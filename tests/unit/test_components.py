"""The options of the registry's client, from the settings and the environment."""

from pathlib import Path
from typing import Any

import pytest

from bridge.app.components import registry_options
from bridge.avro.registry.transport import RegistryOptions
from bridge.errors import SetupError
from tests.unit.test_config import BY_NAME, config

A, B = "https://a.example:8081", "http://b.example"
PROXY, OTHER = "http://me:s3cret@proxy:3128", "http://other:3128"
VARIABLES = ("http_proxy", "https_proxy", "no_proxy")


def options(folder: Path, **registry: Any) -> RegistryOptions:
    """Return the options for a registry with two URLs."""
    settings = config(folder, [BY_NAME], avro={"registry": {"url": [A, B], **registry}}).settings
    found = registry_options(settings)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("environment", "setting", "proxies"),
    [
        ({}, None, {}),
        ({"HTTPS_PROXY": PROXY}, None, {A: PROXY}),
        ({"HTTP_PROXY": PROXY}, None, {B: PROXY}),
        ({"HTTPS_PROXY": PROXY, "http_proxy": OTHER}, None, {A: PROXY, B: OTHER}),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "x,.example"}, None, {}),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example:8081"}, None, {}),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example:9"}, None, {A: PROXY}),
        ({"HTTPS_PROXY": OTHER, "NO_PROXY": "*"}, PROXY, {A: PROXY, B: PROXY}),
    ],
)
def test_each_url_of_the_registry_has_its_proxy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    setting: str | None,
    proxies: dict[str, str],
) -> None:
    """By the environment, as for FullStory; the setting takes precedence over all of it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    found = options(tmp_path, proxy=setting)

    assert found.proxies == proxies
    assert "s3cret" not in repr(found)


def test_an_invalid_proxy_in_the_environment_fails_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for FullStory."""
    monkeypatch.setenv("https_proxy", "socks5://proxy")
    with pytest.raises(SetupError, match="HTTPS_PROXY: not the URL of an HTTP proxy"):
        options(tmp_path)


def test_the_password_of_an_encrypted_key_is_handed_over(tmp_path: Path) -> None:
    """It appears in no representation."""
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    files = {"ssl.certificate.location": "cert.pem", "ssl.key.location": "key.pem"}

    found = options(tmp_path, **files, **{"ssl.key.password": "s3cret"})

    assert found.client_key_password == "s3cret"
    assert "s3cret" not in repr(found)
