"""`check`, `test` and `explain` with a Schema Registry, and with Kafka."""

import asyncio
import json
import sys
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
    """A folder with settings for the registry; the topic has another name in Kafka."""
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
    """Register one more version; returns its id."""
    return registry.register("prod.payments-value", {"schema": text}).number


async def run(*arguments: str, stdin: bytes = b"") -> Result:
    """Run one command in a thread, because the registry uses the event loop."""
    return await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=stdin, catch_exceptions=False
    )


async def test_check_uses_every_version(registry: RegistryStandIn) -> None:
    """The oldest has another field name, and the latest another type."""
    register(registry, schema(user="string", total="int"))
    register(registry, schema(user="string", amount="int"))
    register(registry, schema(user="string", amount="double"))

    result = await run("check")

    assert result.output == (
        "m.yaml:7:18: error M043: `amount` of the event `E` is `real` in one schema"
        " and `int` in another\n"
        "        properties: {amount: amount}\n"
        "                     ^\n"
        "    fix: use `type:` to make both the same, or rename one of them\n"
        "m.yaml:7:26: error M030: the schema has no field `amount`"
        " (in prod.payments-value version 1)\n"
        "        properties: {amount: amount}\n"
        "                             ^\n"
        "    fix: expected one of `total`, `user`\n"
        "2 errors in 1 file, 1 mapping, 3 schemas, 1 test\n"
    )
    assert result.exit_code == 1


async def test_a_problem_of_all_versions_is_reported_once(registry: RegistryStandIn) -> None:
    """Without the list of versions."""
    register(registry, schema(user="string", total="int"))
    register(registry, schema(user="string", total="long"))

    result = await run("check")

    assert result.output.count("M030") == 1
    assert "(in prod.payments-value" not in result.output


async def test_tests_run_with_the_latest_version(registry: RegistryStandIn) -> None:
    """The first version does not have the input's `amount`."""
    register(registry, schema(user="string"))
    register(registry, schema(user="string", amount="int"))

    assert (await run("test")).output == "PASS  it\n1 passed, 0 failed\n"


async def test_an_unavailable_registry_is_a_warning(registry: RegistryStandIn) -> None:
    """Only the files are checked, and the output says so."""
    await registry.down()

    result = await run("check")

    assert result.output.startswith("warning C002: the schema registry at 127.0.0.1:")
    assert "not checked against a schema: payments" in result.output
    assert result.exit_code == 0


async def test_a_missing_subject_is_a_warning() -> None:
    """With its name, derived from the topic's Kafka name."""
    result = await run("check")

    assert result.output.startswith(
        "warning C003: the registry has no subject prod.payments-value\n"
    )


async def test_explain_decodes_bytes_with_the_schema_of_their_id(
    registry: RegistryStandIn, folder: Path
) -> None:
    """Confluent framing; the schema is an older version of the subject."""
    text = schema(user="string", amount="int")
    number = register(registry, text)
    register(registry, schema(user="string", amount="double"))
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    (folder / "record").write_bytes(b"\x00" + number.to_bytes(4, "big") + body)

    result = await run("explain", "record")

    assert "POST https://api.fullstory.com/users/v1/individual/u-1/customevent" in result.output
    assert '"amount_int": 5' in result.output


async def test_explain_looks_a_schema_id_up_in_the_context_of_the_subject(
    registry: RegistryStandIn, folder: Path
) -> None:
    """As `run` does; the default context has another schema with this id."""
    text = schema(user="string", amount="int")
    register(registry, schema(other="string"))
    registry.register(":.eu:prod.payments-value", {"schema": text})
    settings = json.loads((folder / "bridge.yaml").read_text())
    settings["avro"]["subject"] = ":.eu:{topic}-value"
    (folder / "bridge.yaml").write_text(json.dumps(settings))
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    (folder / "record").write_bytes(b"\x00\x00\x00\x00\x01" + body)

    result = await run("explain", "record")

    assert '"amount_int": 5' in result.output


async def test_explain_reads_a_record_from_its_position_in_kafka(
    registry: RegistryStandIn, folder: Path
) -> None:
    """By either topic name; for a missing offset it shows the existing range."""
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
        missing = await run("explain", "payments/0/7")

    assert "POST https://api.fullstory.com/users/v1/individual/u-1/customevent" in result.output
    assert same.output == result.output
    assert missing.exit_code == 2
    assert missing.output == "prod.payments/0 has no offset 7: it holds 0 to 0\n"


BY_PATTERN = MAPPING.replace("[payments]", '{pattern: "^prod[.]"}')


async def test_a_pattern_is_checked_against_the_topics_with_a_subject(
    registry: RegistryStandIn, folder: Path
) -> None:
    """By Kafka names, without the dead-letter topic."""
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
    listed = await run("fields")

    assert result.output == (
        "m.yaml:7:26: error M030: the schema has no field `amount` (in prod.refunds)\n"
        "        properties: {amount: amount}\n"
        "                             ^\n"
        "    fix: expected one of `total`, `user`\n"
        "1 error in 1 file, 1 mapping, 2 schemas, 1 test\n"
    )
    assert "^prod[.]  amount      properties.amount  int" in listed.output


async def test_a_pattern_that_matches_no_topic_is_listed_as_not_checked(
    registry: RegistryStandIn, folder: Path
) -> None:
    """It is not a mistake: the topic can be created later."""
    (folder / "m.yaml").write_text(BY_PATTERN.split("tests:")[0].replace("prod", "nowhere"))
    register(registry, schema(user="string"))

    result = await run("check")

    assert result.output.endswith(
        "not checked against a schema: topics that match ^nowhere[.]"
        " (add one with --schema TOPIC=FILE.avsc)\n"
    )
    assert result.exit_code == 0


async def test_explain_and_tap_find_the_topics_of_a_pattern(
    registry: RegistryStandIn, folder: Path
) -> None:
    """For a topic that only a pattern matches; messages show the pattern."""
    (folder / "m.yaml").write_text(BY_PATTERN)
    text = schema(user="string", amount="int")
    number = registry.register("prod.refunds-value", {"schema": text}).number
    writer = WriterSchema("it", parse_schema(text), texts=(text,))
    body = Encoder(writer).encode({"user": "u-1", "amount": 5})
    (folder / "record").write_bytes(b"\x00" + number.to_bytes(4, "big") + body)

    sent = await run("explain", "record", "--topic", "prod.refunds")
    other = await run("explain", "record", "--topic", "orders")
    unnamed = await run("explain", "record")
    unread = await run("tap", "--topic", "orders")
    with MockCluster() as kafka:
        kafka.create_topic("orders", 1)
        settings = json.loads((folder / "bridge.yaml").read_text())
        settings["kafka"]["bootstrap.servers"] = kafka.bootstrap_servers
        (folder / "bridge.yaml").write_text(json.dumps(settings))
        no_topic = await run("tap")

    assert '"amount_int": 5' in sent.output
    read = "they read: topics that match ^prod[.]\n"
    assert other.output == f"no mapping reads the topic orders; {read}"
    assert "use --topic; the mappings read topics that match ^prod[.]" in unnamed.output
    assert unread.output.endswith(read)
    assert no_topic.output == f"Kafka has no topic that the mappings read; {read}"


async def test_without_kafka_a_command_prints_one_error_line_and_no_librdkafka_log(
    registry: RegistryStandIn,
) -> None:
    """In processes of their own, because pytest installs log handlers."""
    register(registry, schema(user="string", amount="int"))
    away = "Kafka does not answer: Failed to get metadata: Local: Broker transport failure\n"
    expected = {
        "explain payments/0/3": away,
        "tap": f"waiting for 10 records of payments\n{away}",
        "init --topic payments": f"no records were read: {away}",
        "dead-letters list": away,
        "dead-letters show dead/0/1": away,
        "dead-letters replay": away,
    }

    printed = await asyncio.gather(*map(_stderr, expected))

    assert dict(zip(expected, printed, strict=True)) == expected


async def _stderr(command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from bridge.cli import main; main()"),
        *command.split(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, stderr = await process.communicate()
    return stderr.decode()
