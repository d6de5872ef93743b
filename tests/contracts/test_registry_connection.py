"""How the registry client connects: TLS, client certificates and proxies."""

import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.avro.registry.client import RegistryClient
from bridge.avro.registry.transport import RegistryOptions
from bridge.avro.wire_formats import SchemaId
from bridge.errors import SetupError, Unavailable
from bridge.sandbox.registry import RegistryStandIn
from tests.contracts.test_registry_faults import CONTENT
from tests.integration.fullstory.misbehaving_server import Server, always, http
from tests.services.certificate import certificate_files
from tests.services.connect_proxy import ConnectProxy

FIRST = SchemaId(1)
JSON = http("200 OK", "Content-Type: application/json", body=b'{"schema": "\\"string\\""}')


def _client(*registries: RegistryStandIn, **options: Any) -> RegistryClient:
    return RegistryClient(RegistryOptions(tuple(r.url for r in registries), **options))


async def _unavailable(client: RegistryClient) -> str:
    async with client:
        with pytest.raises(Unavailable) as failure:
            await client.fetch(FIRST)
    return str(failure.value)


@pytest.fixture
async def tls_registry(tmp_path: Path) -> AsyncIterator[RegistryStandIn]:
    """A registry with HTTPS and one schema, whose id is 1; `cert.pem` is its certificate."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate_files(tmp_path), "pw")
    async with RegistryStandIn(tls=tls, authorization="Bearer t0ken") as registry:
        registry.register("nodes-value", CONTENT)
        yield registry


async def test_tls_needs_a_trusted_certificate_on_both_sides(tmp_path: Path) -> None:
    """The client trusts the CA file, and the registry requires a client certificate."""
    cert, key = certificate_files(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    tls.load_cert_chain(cert, key, "pw")
    tls.verify_mode = ssl.CERT_REQUIRED
    async with RegistryStandIn(tls=tls) as registry:
        registry.register("nodes-value", CONTENT)
        trust = {"ca_file": str(cert)}
        client_tls = {"client_cert": str(cert), "client_key": str(key), "client_key_password": "pw"}
        async with _client(registry, **trust, **client_tls) as client:
            assert await client.fetch(FIRST)
        assert "ssl.ca.location" in await _unavailable(_client(registry))
        assert "cannot be reached" in await _unavailable(_client(registry, **trust))


@pytest.mark.parametrize("password", [None, "", "wr0ng"])
def test_an_encrypted_key_without_its_password_is_refused_at_startup(
    tmp_path: Path, password: str | None
) -> None:
    """OpenSSL would ask for it on the terminal, and the start would hang."""
    cert, key = certificate_files(tmp_path)
    options = RegistryOptions(
        ("https://host",),
        client_cert=str(cert),
        client_key=str(key),
        client_key_password=password,
    )
    with pytest.raises(SetupError, match=r"check `ssl\.key\.password`") as refusal:
        RegistryClient(options)
    assert "wr0ng" not in str(refusal.value)


async def test_tls_goes_through_the_tunnel_of_a_proxy(
    tls_registry: RegistryStandIn, tmp_path: Path
) -> None:
    """The proxy gets its own credentials, and neither the registry's nor the path."""
    proxy = ConnectProxy("Basic " + base64.b64encode(b"me:s3cret").decode())
    async with proxy.up() as port:
        proxies = {tls_registry.url: f"http://me:s3cret@127.0.0.1:{port}"}
        more = {"ca_file": str(tmp_path / "cert.pem"), "bearer_token": "t0ken"}
        async with _client(tls_registry, proxies=proxies, **more) as client:
            assert await client.fetch(FIRST)
    host = tls_registry.url.removeprefix("https://")
    [request] = proxy.requests
    assert request.startswith(f"CONNECT {host} ".encode())
    assert b"t0ken" not in request


async def test_a_certificate_is_checked_behind_a_proxy_too(tls_registry: RegistryStandIn) -> None:
    """A proxy that ends the tunnel itself has another certificate."""
    async with ConnectProxy().up() as port:
        client = _client(tls_registry, proxies={tls_registry.url: f"http://127.0.0.1:{port}"})
        assert "`ssl.ca.location`" in await _unavailable(client)


async def test_a_proxy_that_refuses_the_tunnel_is_named_without_its_password(
    tls_registry: RegistryStandIn,
) -> None:
    """With its answer and the settings to check."""
    async with ConnectProxy("Basic other").up() as port:
        proxies = {tls_registry.url: f"http://me:s3cret@127.0.0.1:{port}"}
        message = await _unavailable(_client(tls_registry, proxies=proxies))
    assert f"its proxy 127.0.0.1:{port} answered 407: check `avro.registry.proxy`" in message
    assert "s3cret" not in message


async def test_a_proxy_that_does_not_answer_is_named(tls_registry: RegistryStandIn) -> None:
    """The registry itself may be well."""
    async with ConnectProxy().up() as port:
        pass
    proxies = {tls_registry.url: f"http://127.0.0.1:{port}"}
    message = await _unavailable(_client(tls_registry, proxies=proxies))
    assert f"its proxy 127.0.0.1:{port} does not answer" in message


async def test_plain_http_goes_through_the_proxy_of_its_url() -> None:
    """The proxy gets the whole address; another URL of the registry has no proxy."""
    proxy = Server(always(JSON))
    async with proxy.up() as proxy_url, RegistryStandIn() as registry:
        registry.status = 503
        urls = (registry.url, "http://registry.invalid/base")
        proxies = {urls[1]: proxy_url}
        async with RegistryClient(RegistryOptions(urls, proxies=proxies)) as client:
            assert await client.fetch(FIRST)
    assert sum(registry.requests.values()) == 1
    assert proxy.requests[0].startswith(b"GET http://registry.invalid/base/schemas/ids/1 ")


async def test_a_proxy_of_plain_http_can_ask_for_credentials() -> None:
    """Its answer takes the place of the registry's."""
    proxy = Server(always(http("407 Proxy Authentication Required")))
    async with proxy.up() as url:
        options = RegistryOptions(
            ("http://registry.invalid",), proxies={"http://registry.invalid": url}
        )
        message = await _unavailable(RegistryClient(options))
    assert "answered 407: check the user and the password in the proxy's URL" in message
