"""How the registry client handles faults, which only the sandbox's registry can inject."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.avro.registry.client import RegistryClient
from bridge.avro.registry.transport import RegistryOptions
from bridge.avro.wire_formats import SchemaFile, SchemaId
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.sandbox.registry import RegistryStandIn

NODE = {"type": "record", "name": "Node", "fields": [{"name": "id", "type": "string"}]}
CONTENT = {"schema": json.dumps(NODE)}
FIRST = SchemaId(1)


@pytest.fixture
async def registry() -> AsyncIterator[RegistryStandIn]:
    """A registry with one schema, whose id is 1."""
    async with RegistryStandIn() as stand_in:
        stand_in.register("nodes-value", CONTENT)
        yield stand_in


def _client(*registries: RegistryStandIn, **options: Any) -> RegistryClient:
    return RegistryClient(RegistryOptions(tuple(r.url for r in registries), **options))


async def _unavailable(client: RegistryClient) -> str:
    async with client:
        with pytest.raises(Unavailable) as failure:
            await client.fetch(FIRST)
        assert client.known(FIRST) is None
    return str(failure.value)


async def test_concurrent_fetches_of_a_schema_are_one_request(registry: RegistryStandIn) -> None:
    """Fifty callers share one request, and afterwards the schema is cached."""
    registry.delay_s = 0.05
    async with _client(registry) as client:
        schemas = await asyncio.gather(*(client.fetch(FIRST) for _ in range(50)))
        assert client.known(FIRST) is schemas[0]
        assert await client.fetch(FIRST) is schemas[0]
    assert registry.requests["/schemas/ids/1"] == 1
    assert all(schema is schemas[0] for schema in schemas)


async def test_a_cancelled_caller_does_not_cancel_the_request_for_others(
    registry: RegistryStandIn,
) -> None:
    """All callers share the request."""
    registry.delay_s = 0.05
    async with _client(registry) as client:
        first = asyncio.create_task(client.fetch(FIRST))
        second = asyncio.create_task(client.fetch(FIRST))
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).label == "schema id 1"
        assert first.cancelled()
    assert registry.requests["/schemas/ids/1"] == 1


async def test_an_unknown_id_is_requested_again_only_after_its_ttl(
    registry: RegistryStandIn,
) -> None:
    """No request for 30 s; then a schema that was registered meanwhile is found."""
    now = 1000.0
    async with RegistryClient(RegistryOptions((registry.url,)), lambda: now) as client:
        for _ in range(5):
            with pytest.raises(PoisonRecord, match="has no schema id 2"):
                await client.fetch(SchemaId(2))
            now += 29.9 / 5
        assert registry.requests["/schemas/ids/2"] == 1
        registry.register("edges-value", {"schema": '"string"'})
        with pytest.raises(PoisonRecord):
            await client.fetch(SchemaId(2))
        now += 0.2
        assert (await client.fetch(SchemaId(2))).label == "schema id 2"
    assert registry.requests["/schemas/ids/2"] == 2


async def test_a_failed_first_url_is_tried_only_once(registry: RegistryStandIn) -> None:
    """The URL that answered gets all further requests, until it fails itself."""
    registry.register("edges-value", {"schema": '"string"'})
    async with RegistryStandIn() as other, _client(other, registry) as client:
        other.status = 502
        await client.fetch(FIRST)
        await client.fetch(SchemaId(2))
        assert sum(other.requests.values()) == 1
        assert sum(registry.requests.values()) == 2
        other.status = None
        other.register("nodes-value", CONTENT)
        await registry.down()
        assert await client.latest("nodes-value") is not None
        assert other.requests["/subjects/nodes-value/versions/latest"] == 1


async def test_not_found_is_a_response_like_any_other(registry: RegistryStandIn) -> None:
    """No other URL is tried, and the URL that answered gets all further requests."""
    async with RegistryStandIn() as other, _client(other, registry) as client:
        other.status = 503
        for number in (7, 8):
            with pytest.raises(PoisonRecord):
                await client.fetch(SchemaId(number))
        assert sum(other.requests.values()) == 1
        assert sum(registry.requests.values()) == 2


async def test_if_all_urls_fail_the_message_names_each_host(registry: RegistryStandIn) -> None:
    """So that an operator knows where to look."""
    async with RegistryStandIn() as other:
        await registry.down()
        await other.down()
        message = await _unavailable(_client(registry, other))
        assert registry.url.removeprefix("http://") in message
        assert other.url.removeprefix("http://") in message


async def test_a_request_to_a_hanging_registry_times_out(registry: RegistryStandIn) -> None:
    """The timeout applies to each request, and the next one can succeed."""
    registry.delay_s = 30
    async with _client(registry, timeout_s=0.1) as client:
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable, match=r"did not answer within 0\.1 s"):
                await client.fetch(FIRST)
        registry.delay_s = 0
        assert await client.fetch(FIRST)


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 502, 503])
async def test_html_from_a_proxy_means_unavailable(registry: RegistryStandIn, status: int) -> None:
    """With any status; redirects are not followed."""
    registry.status = status
    message = await _unavailable(_client(registry))
    assert registry.url.removeprefix("http://") in message
    assert registry.requests == {"/schemas/ids/1": 1}


async def test_a_wrong_path_in_the_url_is_not_an_unknown_schema(
    registry: RegistryStandIn,
) -> None:
    """A 404 without one of the registry's error codes means that the URL is wrong."""
    url = f"{registry.url}/apis/ccompat/v7"
    assert "check the path" in await _unavailable(RegistryClient(RegistryOptions((url,))))


async def test_a_response_that_is_too_long_is_not_read(registry: RegistryStandIn) -> None:
    """Memory stays bounded."""
    assert "cannot be reached" in await _unavailable(_client(registry, answer_bytes_max=20))


async def test_basic_auth_is_sent(registry: RegistryStandIn) -> None:
    """The error for wrong credentials names the setting, never the credentials."""
    registry.authorization = "Basic " + base64.b64encode(b"me:p:w").decode()
    async with _client(registry, basic_auth="me:p:w") as client:
        assert await client.fetch(FIRST)
    message = await _unavailable(_client(registry, basic_auth="me:secret"))
    assert "basic.auth.user.info" in message
    assert "secret" not in message


async def test_a_bearer_token_is_sent(registry: RegistryStandIn) -> None:
    """No message contains the token."""
    registry.authorization = "Bearer t0ken"
    async with _client(registry, bearer_token="t0ken") as client:
        assert await client.fetch(FIRST)
    assert "wr0ng" not in await _unavailable(_client(registry, bearer_token="wr0ng"))


@pytest.mark.parametrize(
    "options",
    [
        RegistryOptions(()),
        RegistryOptions(("http://me:secret@host",)),
        RegistryOptions(("ftp://host",)),
        RegistryOptions(("host:8081",)),
        RegistryOptions(("http://host/?q=secret",)),
        RegistryOptions(("http://host",), basic_auth="secret"),
        RegistryOptions(("http://host",), basic_auth="me:secret", bearer_token="secret"),
        RegistryOptions(("https://host",), ca_file="/nowhere/ca.pem"),
        RegistryOptions(("https://host",), client_cert="/nowhere/cert.pem"),
    ],
)
def test_invalid_options_are_refused_at_startup(options: RegistryOptions) -> None:
    """No secret is in the message or in the `repr` of the options."""
    with pytest.raises(SetupError) as refusal:
        RegistryClient(options)
    assert "secret" not in str(refusal.value)
    assert "secret" not in repr(RegistryOptions((), basic_auth="a:secret", bearer_token="secret"))


async def test_a_cycle_of_references_is_an_unusable_schema(registry: RegistryStandIn) -> None:
    """The cycle ends at the repeated reference, whose types are then not defined."""
    for one, other in (("A", "B"), ("B", "A")):
        fields = [{"name": "next", "type": other}]
        schema = json.dumps({"type": "record", "name": one, "fields": fields})
        reference = {"name": other, "subject": other, "version": 1}
        registry.register(one, {"schema": schema, "references": [reference]})
    async with _client(registry) as client:
        with pytest.raises(PoisonRecord, match="not defined") as refusal:
            await client.fetch(SchemaId(2))
        with pytest.raises(PoisonRecord, match="not defined"):
            await client.fetch(SchemaId(2))
        with pytest.raises(SetupError, match="A version 1"):
            await client.latest("A")
    assert refusal.value.reason == "unusable_schema"
    assert registry.requests["/schemas/ids/2"] == 1


async def test_too_many_references_are_refused(registry: RegistryStandIn) -> None:
    """The limit bounds the requests for one schema."""
    for number in range(600):
        reference = {"name": "x", "subject": f"s{number + 1}", "version": 1}
        registry.register(f"s{number}", {"schema": f'"n{number}"', "references": [reference]})
    async with _client(registry) as client:
        with pytest.raises(PoisonRecord, match="has more than 500 references"):
            await client.fetch(SchemaId(2))


async def test_a_missing_reference_means_unavailable(registry: RegistryStandIn) -> None:
    """The record waits until an operator registers the schema again."""
    reference = {"name": "Gone", "subject": "gone", "version": 3}
    registry.register("lost-value", {"schema": '"Gone"', "references": [reference]})
    async with _client(registry) as client:
        with pytest.raises(Unavailable, match="version 3 of gone"):
            await client.fetch(SchemaId(2))


async def test_a_check_does_not_wait_for_a_missing_reference(registry: RegistryStandIn) -> None:
    """The registry responds, so this version is at fault and no other topic has to wait."""
    reference = {"name": "Gone", "subject": "gone", "version": 3}
    registry.register("lost-value", {"schema": '"Gone"', "references": [reference]})
    async with _client(registry) as client:
        for check in (client.latest, client.versions):
            with pytest.raises(SetupError, match="lost-value version 1 references version 3 of"):
                await check("lost-value")


async def test_a_file_key_is_not_requested_from_the_registry(registry: RegistryStandIn) -> None:
    """The error names the file, and nothing is requested."""
    async with _client(registry) as client:
        with pytest.raises(Unavailable, match=r"a\.avsc"):
            await client.fetch(SchemaFile("a.avsc"))
    assert not registry.requests


async def test_the_client_closes_during_a_request(
    registry: RegistryStandIn,
) -> None:
    """Shutdown does not wait for a hanging registry."""
    registry.delay_s = 30
    client = _client(registry)
    waiter = asyncio.create_task(client.fetch(FIRST))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(2):
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await waiter
