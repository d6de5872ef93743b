"""`check`, `test` and `explain` with a Schema Registry, and with Kafka."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from bridge.avro.encoder import Encoder
from bridge.avro.schema_store import WriterSchema
from bridge.cli import main
from bridge.sandbox.kafka.mock_cluster import MockCluster
from bridge.sandbox.registry import RegistryStandIn
from bridge.schema.parser import parse_schema

MAPPING = """\
format: 1
mappings:
  - name: m
    topics: [payments]
    uid: user
    event: E
    properties: {amount: amount}
tests:
  - name: it
    input: {topic: payments, value: {user: u-1, amount: 5}}
    expect: [{mapping: m, uid: u-1}]
"""


def schema(**types: Any) -> str:
    """A record with these fields."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return json.dumps({"type": "record", "name": "shop.Payment", "fields": fields})


@pytest.fixture
async def registry() -> AsyncIterator[RegistryStandIn]:
    """An empty registry."""
    async with RegistryStandIn() as registry:
        yield registry


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: RegistryStandIn) -> Path:
    """A folder with settings for it; Kafka calls the topic by another name."""
    settings = {
        "kafka": {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"},
        "mappings": ["m.yaml"],
        "topic_names": {"payments": "prod.payments"},
        "avro": {"registry": {"url": registry.url}},
        "fullstory": {"key": "na1.secret"},
    }
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "bridge.yaml").write_text(json.dumps(settings))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def register(registry: RegistryStandIn, text: str) -> int:
    """One more version; its id."""
    return registry.register("prod.payments-value", {"schema": text}).number


async def run(*arguments: str, stdin: bytes = b"") -> Result:
    """One command, beside the registry's loop."""
    return await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=stdin, catch_exceptions=False
    )


async def test_check_looks_at_every_version(registry: RegistryStandIn) -> None:
    """The oldest has another name for a field, and the newest another type."""
    register(registry, schema(user="string", total="int"))
    register(registry, schema(user="string", amount="int"))
    register(registry, schema(user="string", amount="double"))

    result = await run("check")

    assert result.output == (
        "m.yaml:7:18: error M043: `amount` of the event `E` is `real` in one schema"
        " and `int` in another\n"
        "        properties: {amount: amount}\n"
        "                     ^\n"
        "    cure: `type:` makes both the same; or use another name\n"
        "m.yaml:7:26: error M030: the schema has no field `amount`"
        " (in prod.payments-value version 1)\n"
        "        properties: {amount: amount}\n"
        "                             ^\n"
        "    cure: known here: `total`, `user`\n"
        "2 errors in 1 file, 1 mapping, 3 schemas, 1 test\n"
    )
    assert result.exit_code == 1


async def test_what_every_version_has_is_told_once(registry: RegistryStandIn) -> None:
    """Without naming them all."""
    register(registry, schema(user="string", total="int"))
    register(registry, schema(user="string", total="long"))

    result = await run("check")

    assert result.output.count("M030") == 1
    assert "(in prod.payments-value" not in result.output


async def test_tests_run_with_the_newest_version(registry: RegistryStandIn) -> None:
    """The first one has no amount that the test's input could go to."""
    register(registry, schema(user="string"))
    register(registry, schema(user="string", amount="int"))

    assert (await run("test")).output == "PASS  it\n1 passed, 0 failed\n"


async def test_a_registry_that_does_not_answer_is_a_warning(registry: RegistryStandIn) -> None:
    """The files alone are checked, and that is said."""
    await registry.down()

    result = await run("check")

    assert result.output.startswith("warning C002: the schema registry at 127.0.0.1:")
    assert "not checked against a schema: payments" in result.output
    assert result.exit_code == 0


async def test_a_subject_that_is_not_there_is_a_warning() -> None:
    """By its name, made of Kafka's name of the topic."""
    result = await run("check")

    assert result.output.startswith(
        "warning C003: the registry has no subject prod.payments-value\n"
    )


async def test_explain_decodes_bytes_by_the_schema_that_they_name(
    registry: RegistryStandIn, folder: Path
) -> None:
    """Confluent's framing; the schema is an older version of the subject."""
    text = schema(user="string", amount="int")
    number = register(registry, text)
    register(registry, schema(user="string", amount="double"))
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    (folder / "record").write_bytes(b"\x00" + number.to_bytes(4, "big") + body)

    result = await run("explain", "record")

    assert "POST https://api.fullstory.com/users/v1/individual/u-1/customevent" in result.output
    assert '"amount_int": 5' in result.output


async def test_explain_reads_a_record_from_its_place_in_kafka(
    registry: RegistryStandIn, folder: Path
) -> None:
    """By Kafka's name of the topic or ours; what is not there says what is."""
    text = schema(user="string", amount="int")
    number = register(registry, text)
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    with MockCluster() as kafka:
        kafka.create_topic("prod.payments", 1)
        settings = json.loads((folder / "bridge.yaml").read_text())
        settings["kafka"]["bootstrap.servers"] = kafka.bootstrap_servers
        (folder / "bridge.yaml").write_text(json.dumps(settings))
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        producer.produce("prod.payments", b"\x00" + number.to_bytes(4, "big") + body)
        producer.flush(10)

        result = await run("explain", "prod.payments/0/0")
        same = await run("explain", "payments/0/0")
        nothing = await run("explain", "payments/0/7")

    assert "POST https://api.fullstory.com/users/v1/individual/u-1/customevent" in result.output
    assert same.output == result.output
    assert nothing.exit_code == 2
    assert nothing.output == "prod.payments/0 has no offset 7: it holds 0 to 0\n"


BY_PATTERN = MAPPING.replace("[payments]", '{pattern: "^prod[.]"}')


async def test_a_pattern_is_checked_against_the_topics_that_have_a_subject(
    registry: RegistryStandIn, folder: Path
) -> None:
    """By Kafka's names; the dead letters are none of them."""
    settings = json.loads((folder / "bridge.yaml").read_text())
    settings["dead_letters"] = {"topic": "prod.dead"}
    (folder / "bridge.yaml").write_text(json.dumps(settings))
    (folder / "m.yaml").write_text(BY_PATTERN)
    right = schema(user="string", amount="int")
    register(registry, right)
    registry.register("prod.refunds-value", {"schema": schema(user="string", total="int")})
    for other in ("prod.dead-value", "test.prod.x-value", "prod.refunds-key"):
        registry.register(other, {"schema": schema(name="string")})

    result = await run("check")
    page = await run("fields")

    assert result.output == (
        "m.yaml:7:26: error M030: the schema has no field `amount` (in prod.refunds)\n"
        "        properties: {amount: amount}\n"
        "                             ^\n"
        "    cure: known here: `total`, `user`\n"
        "1 error in 1 file, 1 mapping, 2 schemas, 1 test\n"
    )
    assert "^prod[.]  amount      properties.amount  int" in page.output


async def test_a_pattern_that_takes_no_topic_is_told_as_not_checked(
    registry: RegistryStandIn, folder: Path
) -> None:
    """It is no mistake: the topic may come."""
    (folder / "m.yaml").write_text(BY_PATTERN.split("tests:")[0].replace("prod", "nowhere"))
    register(registry, schema(user="string"))

    result = await run("check")

    assert result.output.endswith(
        "not checked against a schema: topics that match ^nowhere[.]"
        " (name one: --schema TOPIC=FILE.avsc)\n"
    )
    assert result.exit_code == 0


async def test_explain_and_tap_find_the_topics_of_a_pattern(
    registry: RegistryStandIn, folder: Path
) -> None:
    """A topic that no list names, in Kafka and by hand; what is read is told with its pattern."""
    (folder / "m.yaml").write_text(BY_PATTERN)
    text = schema(user="string", amount="int")
    number = registry.register("prod.refunds-value", {"schema": text}).number
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    (folder / "record").write_bytes(b"\x00" + number.to_bytes(4, "big") + body)

    sent = await run("explain", "record", "--topic", "prod.refunds")
    other = await run("explain", "record", "--topic", "orders")
    unsaid = await run("explain", "record")
    nobody = await run("tap", "--topic", "orders")
    with MockCluster() as kafka:
        kafka.create_topic("orders", 1)
        settings = json.loads((folder / "bridge.yaml").read_text())
        settings["kafka"]["bootstrap.servers"] = kafka.bootstrap_servers
        (folder / "bridge.yaml").write_text(json.dumps(settings))
        none_yet = await run("tap")

    assert '"amount_int": 5' in sent.output
    told = "they read: those that match ^prod[.]\n"
    assert other.output == f"no mapping reads the topic orders; {told}"
    assert "--topic, one of those that match ^prod[.]" in unsaid.output
    assert nobody.output.endswith(told)
    assert none_yet.output == f"Kafka has no topic for the mappings; {told}"
