"""The JSON Schemas in the language server of real editors."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.editor import LanguageServer, install
from tests.services.pins import Unobtainable

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "schemas"

MISTAKES = """\
format: 2
owner: 5
mappings:
  - name: a
    topics: payments
    uid: {paht: customer.id}
    event: Payment Failed
    mode: lives
    filter:
      status: {equals: FAILED}
    properties:
      amount: {path: amount, scal: 0.01}
  - topics: [payments]
    uid: u
    event: e
"""
SETTINGS = """\
kafka:
  bootstrap.servers: ${SERVERS}
  group.id: bridge
  queued.min.messages: 1000
mappings: ${MAPPINGS}
avro:
  registry: {url: [https://a:8081, https://b:8081], timeout_s: "${TIMEOUT}"}
  topics:
    legacy: {wire_format: raw, schema: order.avsc}
    single: {wire_format: single_object, schema: [order.avsc, order-2.avsc]}
fullstory:
  key: ${KEY}
  base_url: ~
log:
delivery: {window_bytes_max: 64MiB, shutdown_drain_s: 25.5}
start: 2026-11-23T00:00:00Z
"""
WRONG_SETTINGS = """\
kafkas: {}
log: {level: loud}
delivery: {shutdown_drain_s: soon}
"""


@pytest.fixture(scope="module")
def program() -> Path:
    """The language server; without it, the tests are skipped, or fail in CI."""
    try:
        return install()
    except Unobtainable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the language server is unavailable: {error}")
        pytest.skip(f"the language server is unavailable: {error}")


@pytest.fixture
async def server(program: Path) -> AsyncIterator[LanguageServer]:
    """A server that has both schemas, by file name."""
    schemas = {
        "*.mapping.yaml": (SCHEMAS / "mapping.schema.json").as_uri(),
        "bridge.yaml": (SCHEMAS / "settings.schema.json").as_uri(),
    }
    async with LanguageServer(program, schemas) as server:
        yield server


def _examples() -> list[Path]:
    return sorted((SCHEMAS / "mappings").glob("*.yaml"))


def _opened(file: Path) -> tuple[str, str]:
    return file.as_uri(), file.read_text()


@pytest.mark.parametrize("file", _examples(), ids=lambda file: file.name)
async def test_the_editor_reports_nothing_for_an_example(
    server: LanguageServer, file: Path
) -> None:
    """The examples find their schema by the modeline, and every line is valid."""
    assert await server.diagnose(*_opened(file)) == []


async def test_the_modeline_of_an_example_finds_the_schema(server: LanguageServer) -> None:
    """Proves that the test above uses it: a deliberate mistake is found."""
    uri, text = _opened(_examples()[0])

    found = await server.diagnose(uri, text.replace("\nowner:", "\nowners:", 1))

    assert [problem["message"] for problem in found] == ["Property owners is not allowed."]


async def test_deliberate_mistakes_are_found_at_their_lines(server: LanguageServer) -> None:
    """Every mistake above, and no other line."""
    found = await server.diagnose("file:///w/a.mapping.yaml", MISTAKES)

    lines = {MISTAKES.splitlines()[problem["range"]["start"]["line"]].strip() for problem in found}
    assert lines == {
        "format: 2",
        "owner: 5",
        "topics: payments",
        "uid: {paht: customer.id}",
        "mode: lives",
        "status: {equals: FAILED}",
        "amount: {path: amount, scal: 0.01}",
        "- topics: [payments]",
    }


async def test_settings_with_references_and_empty_sections_are_valid(
    server: LanguageServer,
) -> None:
    """`${NAME}` can be a list or a number, and a section can be empty."""
    assert await server.diagnose("file:///w/bridge.yaml", SETTINGS) == []


async def test_mistakes_in_the_settings_are_found(server: LanguageServer) -> None:
    """An unknown section, an invalid keyword and an invalid number."""
    found = await server.diagnose("file:///w/bridge.yaml", WRONG_SETTINGS)

    assert [problem["range"]["start"]["line"] for problem in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("", {"format", "owner", "mappings", "defaults", "tests"}),
        ("mappings:\n  - name: a\n    ", {"uid", "event", "filter", "properties", "session"}),
        ("mappings:\n  - name: a\n    mode: ", {"live", "shadow", "off"}),
        ("mappings:\n  - name: a\n    uid:\n      ", {"path", "first_of", "optional"}),
        (
            "mappings:\n  - name: a\n    properties:\n      x:\n        ",
            {"path", "const", "template", "hash", "redact", "scale", "else"},
        ),
        (
            "mappings:\n  - name: a\n    filter:\n      x:\n        ",
            {"exists", "prefix", "anything_but", "at_least"},
        ),
    ],
)
async def test_completion_offers_the_keys(
    server: LanguageServer, before: str, offered: set[str]
) -> None:
    """The keys and values that can follow the text typed so far."""
    uri = "file:///w/b.mapping.yaml"
    await server.diagnose(uri, before)

    lines = before.split("\n")
    labels = await server.complete(uri, len(lines) - 1, len(lines[-1]))

    assert offered <= {label.strip('"') for label in labels}
