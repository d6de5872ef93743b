"""What the registry client makes of faults; only the sandbox's registry can be told to fail."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.avro.registry.client import RegistryClient
from bridge.avro.registry.transport import RegistryOptions
from bridge.avro.wire_formats import SchemaFile, SchemaId
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.sandbox.registry import RegistryStandIn
from tests.services.certificate import certificate_files

NODE = {"type": "record", "name": "Node", "fields": [{"name": "id", "type": "string"}]}
CONTENT = {"schema": json.dumps(NODE)}
FIRST = SchemaId(1)


@pytest.fixture
async def registry() -> AsyncIterator[RegistryStandIn]:
    """A registry that has one schema, with the id 1."""
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


async def test_many_records_ask_once(registry: RegistryStandIn) -> None:
    """Fifty waiters are one request, and afterwards the schema is at hand."""
    registry.delay_s = 0.05
    async with _client(registry) as client:
        found = await asyncio.gather(*(client.fetch(FIRST) for _ in range(50)))
        assert client.known(FIRST) is found[0]
        assert await client.fetch(FIRST) is found[0]
    assert registry.requests["/schemas/ids/1"] == 1
    assert all(schema is found[0] for schema in found)


async def test_a_waiter_that_gives_up_does_not_end_it_for_others(
    registry: RegistryStandIn,
) -> None:
    """The question belongs to all who wait."""
    registry.delay_s = 0.05
    async with _client(registry) as client:
        first = asyncio.create_task(client.fetch(FIRST))
        second = asyncio.create_task(client.fetch(FIRST))
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).label == "schema id 1"
        assert first.cancelled()
    assert registry.requests["/schemas/ids/1"] == 1


async def test_an_unknown_id_is_asked_for_again_only_after_its_time(
    registry: RegistryStandIn,
) -> None:
    """For 30 s the registry is left alone; then a schema registered meanwhile is found."""
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


async def test_a_dead_first_url_costs_one_try_only(registry: RegistryStandIn) -> None:
    """The one that answered is asked first from then on, until it fails itself."""
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


async def test_not_found_is_an_answer_of_the_one_that_gave_it(registry: RegistryStandIn) -> None:
    """An unknown id is asked of no other, and whoever said so is asked first from then on."""
    async with RegistryStandIn() as other, _client(other, registry) as client:
        other.status = 503
        for number in (7, 8):
            with pytest.raises(PoisonRecord):
                await client.fetch(SchemaId(number))
        assert sum(other.requests.values()) == 1
        assert sum(registry.requests.values()) == 2


async def test_all_urls_down_names_each_host(registry: RegistryStandIn) -> None:
    """Whoever reads the message knows where to look."""
    async with RegistryStandIn() as other:
        await registry.down()
        await other.down()
        message = await _unavailable(_client(registry, other))
        assert registry.url.removeprefix("http://") in message
        assert other.url.removeprefix("http://") in message


async def test_a_registry_that_hangs_is_given_up(registry: RegistryStandIn) -> None:
    """The time limit holds for each request, and the next one may succeed."""
    registry.delay_s = 30
    async with _client(registry, timeout_s=0.1) as client:
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable, match=r"did not answer within 0\.1 s"):
                await client.fetch(FIRST)
        registry.delay_s = 0
        assert await client.fetch(FIRST)


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 502, 503])
async def test_a_proxys_page_is_never_a_fact_about_the_record(
    registry: RegistryStandIn, status: int
) -> None:
    """HTML with any status means that the registry is not to be had; no redirect is followed."""
    registry.status = status
    message = await _unavailable(_client(registry))
    assert registry.url.removeprefix("http://") in message
    assert registry.requests == {"/schemas/ids/1": 1}


async def test_a_path_that_does_not_exist_is_not_an_unknown_schema(
    registry: RegistryStandIn,
) -> None:
    """A 404 without one of the registry's codes: the URL is wrong."""
    url = f"{registry.url}/apis/ccompat/v7"
    assert "check the path" in await _unavailable(RegistryClient(RegistryOptions((url,))))


async def test_too_long_an_answer_is_not_read(registry: RegistryStandIn) -> None:
    """Whatever sends it, memory stays bounded."""
    assert "cannot be reached" in await _unavailable(_client(registry, answer_bytes_max=20))


async def test_basic_auth_opens_the_registry(registry: RegistryStandIn) -> None:
    """User and password go in the header, and a wrong one is named by its cure only."""
    registry.authorization = "Basic " + base64.b64encode(b"me:p:w").decode()
    async with _client(registry, basic_auth="me:p:w") as client:
        assert await client.fetch(FIRST)
    message = await _unavailable(_client(registry, basic_auth="me:secret"))
    assert "basic.auth.user.info" in message
    assert "secret" not in message


async def test_a_bearer_token_opens_the_registry(registry: RegistryStandIn) -> None:
    """The token goes in the header and in no message."""
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
def test_options_that_cannot_work_are_refused_at_the_start(options: RegistryOptions) -> None:
    """The message says what to mend, and no secret is in it or in the options' own text."""
    with pytest.raises(SetupError) as refusal:
        RegistryClient(options)
    assert "secret" not in str(refusal.value)
    assert "secret" not in repr(RegistryOptions((), basic_auth="a:secret", bearer_token="secret"))


async def test_schemas_that_refer_in_a_circle_end(registry: RegistryStandIn) -> None:
    """A circle of references is cut, and what is missing then makes the schema unusable."""
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


async def test_more_references_than_the_bound_are_refused(registry: RegistryStandIn) -> None:
    """A chain of schemas that never ends is given up."""
    for number in range(600):
        reference = {"name": "x", "subject": f"s{number + 1}", "version": 1}
        registry.register(f"s{number}", {"schema": f'"n{number}"', "references": [reference]})
    async with _client(registry) as client:
        with pytest.raises(PoisonRecord, match="needs over"):
            await client.fetch(SchemaId(2))


async def test_a_reference_that_is_gone_makes_the_record_wait(registry: RegistryStandIn) -> None:
    """The record is good; a person must register the schema again."""
    reference = {"name": "Gone", "subject": "gone", "version": 3}
    registry.register("lost-value", {"schema": '"Gone"', "references": [reference]})
    async with _client(registry) as client:
        with pytest.raises(Unavailable, match="version 3 of gone"):
            await client.fetch(SchemaId(2))


async def test_a_local_file_is_not_asked_of_the_registry(registry: RegistryStandIn) -> None:
    """A wrong combination of stores says so and asks nothing."""
    async with _client(registry) as client:
        with pytest.raises(Unavailable, match=r"a\.avsc"):
            await client.fetch(SchemaFile("a.avsc"))
    assert not registry.requests


async def test_the_client_closes_while_a_question_is_on_its_way(
    registry: RegistryStandIn,
) -> None:
    """Nobody waits for a hanging registry at the end."""
    registry.delay_s = 30
    client = _client(registry)
    waiter = asyncio.create_task(client.fetch(FIRST))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(2):
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await waiter


async def test_tls_needs_a_trusted_certificate_on_both_sides(tmp_path: Path) -> None:
    """The CA file makes the registry trusted, the client's certificate opens it."""
    cert, key = certificate_files(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    tls.load_cert_chain(cert, key, "pw")
    tls.verify_mode = ssl.CERT_REQUIRED
    async with RegistryStandIn(tls=tls) as registry:
        registry.register("nodes-value", CONTENT)
        trusting = {"ca_file": str(cert)}
        mine = {"client_cert": str(cert), "client_key": str(key), "client_key_password": "pw"}
        async with _client(registry, **trusting, **mine) as client:
            assert await client.fetch(FIRST)
        assert "ssl.ca.location" in await _unavailable(_client(registry))
        assert "cannot be reached" in await _unavailable(_client(registry, **trusting))
