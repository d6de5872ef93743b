"""The examples in the README are correct: these tests run them."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.app.config import load_config
from bridge.cli import COMMANDS
from bridge.documents.document import parse
from bridge.fullstory.requests.v1 import build_v1
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.runtime.outcome import Event
from bridge.records import Assignment, Record
from bridge.schema.parser import parse_schema
from bridge.settings.load import load

ROOT = Path(__file__).parents[2]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docker/README.md"),
    *("bridge/README.md", "bridge/INVARIANTS.md", "bridge/DECISIONS.md"),
)
README = (ROOT / "README.md").read_text()
PAYMENT: dict[str, Any] = {
    "status": "DECLINED",
    "is_test": False,
    "customer": {"id": "cus_42"},
    "amount": int(Decimal("19.99") * 100).to_bytes(2, "big"),
    "currency": "EUR",
    "failure": {"code": "insufficient_funds"},
    "occurred_at": int(datetime(2026, 11, 24, 10, 15, tzinfo=UTC).timestamp() * 1000),
}


def _block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```", README, re.MULTILINE | re.DOTALL)
    indent, text = next(block for block in blocks if containing in block[1])
    return re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)


def test_the_mapping_produces_the_requests_in_the_readme() -> None:
    """The README's mapping and its example payment give the README's requests."""
    rules = load_rules([parse(_block("yaml", "payment-failed"), "README.md")])
    schema = parse_schema((ROOT / "schemas" / "avro" / "payment.avsc").read_text())
    plan = compile_plan(rules, "payments", schema)
    record = Record("payments", 0, 0, 0, None, b"", Assignment("payments", 0))

    [event] = plan.map(record, PAYMENT)

    assert isinstance(event, Event)
    request = build_v1(event)
    shown = f"{request.method} {request.path}\n\n{request.body.decode()}\n"
    assert shown == _block("http", "POST /users")
    v2 = build_v2(event, record, "kafka")
    head = f"{v2.method} {v2.path}\nIdempotency-Key: {v2.idempotency_key}"
    assert f"{head}\n\n{v2.body.decode()}\n" == _block("http", "POST /v2")


def test_the_settings_are_valid(tmp_path: Path) -> None:
    """The README's complete bridge.yaml is accepted, with the README's mapping."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "payments.yaml").write_text(_block("yaml", "payment-failed"))
    file = tmp_path / "bridge.yaml"
    file.write_text(_block("yaml", "bootstrap.servers"))

    config = load_config(load(file, {"FULLSTORY_API_KEY": "na1.made-up"}))

    assert dict(config.topics) == {"payments": "payments"}


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_are_make_targets(target: str) -> None:
    """Each of the README's commands exists, and is on a line by itself."""
    assert f"make {target}\n" in README
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Paths in links and in backticks lead somewhere."""
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    named = re.findall(
        r"`((?:bridge|tests|kafka|delivery|avro|mapping|fullstory|status|app|settings)/[\w./-]+)`",
        text,
    )
    folders = (ROOT / page).parent, ROOT

    missing = [p for p in [*linked, *named] if not any((folder / p).exists() for folder in folders)]

    assert missing == []


def test_the_readme_names_exactly_the_existing_commands() -> None:
    """Every command in the README exists, and every existing command is in the README."""
    named = set(re.findall(r"fullstory-bridge ([a-z-]+)", README))
    assert named | {"demo"} == set(COMMANDS)  # there it is `make demo`
