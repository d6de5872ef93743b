"""schemas/README.md says what is so: its tables are the code's, and its examples are run."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from bridge.app.config import load_config
from bridge.avro.schema_store import WriterSchema
from bridge.cli import COMMANDS
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.grammar.values import CONVERTERS
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.paths import _ROOTS
from bridge.mapping.testing.tests import mapping_tests_of, run_mapping_test
from bridge.schema.parser import parse_schema
from bridge.settings.load import load
from tests.docs.examples import FIRST, Example, examples_of, expected, filled, results
from tests.docs.generate import generated
from tests.docs.keys import STEPS
from tests.docs.page import PAGE, Block, blocks, read_page, sections
from tests.docs.reasons import MEANINGS, reasons_in_code
from tests.unit.commands.cli_fixture import run

TEXT = read_page()
BLOCKS = blocks(TEXT)
EXAMPLES = examples_of(BLOCKS)
GENERATED = generated()
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _labelled(kind: str) -> list[Block]:
    return [block for block in BLOCKS if kind in block.labels]


def _block(kind: str, name: str) -> Block:
    return next(block for block in BLOCKS if block.labels.get(kind) == name)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_table_is_up_to_date(name: str) -> None:
    """Else it is stale: python -m tests.docs --write."""
    shown = sections(TEXT).get(name)

    assert shown is not None, f"`<!-- {name}: begin -->` is not on the page"
    assert shown == GENERATED[name], f"`{name}` is stale: python -m tests.docs --write"


def test_every_generated_section_of_the_page_is_known() -> None:
    """A section that nothing writes would stay as it is for ever."""
    assert set(sections(TEXT)) == set(GENERATED)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=lambda example: example.name)
def test_an_example_gives_what_the_page_shows(example: Example) -> None:
    """Its record, encoded and mapped by the bridge's own code."""
    assert results(example, EXAMPLES) == expected(example)


def test_every_example_shows_what_comes_of_it() -> None:
    """A mapping beside which nothing stands proves nothing."""
    bare = [example.name for example in EXAMPLES.values() if not example.expected]

    assert bare == ["tests"]  # its tests say it


def test_every_block_of_data_belongs_to_an_example() -> None:
    """Only the line that an editor reads stands alone."""
    alone = re.findall(r"^```(?:yaml|json)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

    assert alone == ["# yaml-language-server: $schema=mapping.schema.json\n"]


def test_the_first_mapping_has_at_most_fifteen_lines() -> None:
    """It is read before anything else."""
    assert len(EXAMPLES[FIRST].blocks["mapping"].text.splitlines()) <= 15


def test_the_tests_of_the_page_pass() -> None:
    """Those that stand in its mapping files."""
    document = parse(EXAMPLES["tests"].blocks["mapping"].text, "orders.yaml")
    text = EXAMPLES[FIRST].blocks["schema"].text
    writer = WriterSchema("order.avsc", parse_schema(text), texts=(text,))
    environment = RealTestEnvironment({"orders": writer}, EXAMPLES["tests"].options)
    found = mapping_tests_of(document)

    ends = [run_mapping_test(one, load_rules([document]), environment) for one in found]

    assert len(ends) == 2
    assert [end for end in ends if not end.passed] == []


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (block.labels["filters"], keys)
        for block in _labelled("filters")
        for keys in parse(block.text, "filters.yaml").data
    ],
    ids=str,
)
def test_a_filter_of_the_page_matches_as_it_says(wanted: str, keys: dict[str, object]) -> None:
    """Held against the record of the first example."""
    document = filled({"filter": keys}, EXAMPLES)
    example = Example("filter", dict(EXAMPLES[FIRST].blocks), _labelled("event")[:1])
    example.blocks["mapping"] = Block("yaml", {}, json.dumps(document.data), 0)

    [outcome] = results(example, EXAMPLES)

    assert (outcome == "nothing") == (wanted == "fail"), outcome


def test_the_report_of_the_page_is_what_check_prints() -> None:
    """The first mapping without its default."""
    text = EXAMPLES[FIRST].blocks["mapping"].text
    wrong = text.replace("{path: coupon, default: none}", "coupon")
    schema = parse_schema(EXAMPLES[FIRST].blocks["schema"].text)

    with pytest.raises(Problems) as raised:
        compile_plan(load_rules([parse(wrong, "mappings/orders.yaml")]), "orders", schema)

    assert str(raised.value) == _block("report", "missing").text.rstrip()


def test_the_explanation_of_the_page_is_what_check_prints() -> None:
    """Word for word."""
    assert (
        run("check", "--explain", "M012").output.strip() == _block("explain", "M012").text.strip()
    )


SETTINGS = sorted({block.labels["settings"] for block in _labelled("settings")})


@pytest.mark.parametrize("name", SETTINGS)
def test_the_settings_of_the_page_are_settings(name: str, project: Path) -> None:
    """Accepted with the mapping of the page; sections that are not shown are those of `file`."""
    whole = parse(_block("settings", "file").text, "bridge.yaml").data
    shown = parse(_block("settings", name).text, "bridge.yaml").data
    file = project / "bridge.yaml"
    file.write_text(json.dumps(shown if "kafka" in shown else {**whole, **shown}))

    loaded = load(file, _variables("file"), known_kafka_keys=KNOWN_KEYS)

    assert [*load_config(loaded).topics.values()] == ["orders"]


def test_the_variables_of_the_page_are_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are enough without a file."""
    monkeypatch.chdir(project)

    loaded = load(None, _variables("variables"), known_kafka_keys=KNOWN_KEYS)

    assert load_config(loaded).topics == {"prod.orders.v2": "orders"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the first mapping and its schema."""
    _write(tmp_path / "mappings" / "orders.yaml", EXAMPLES[FIRST].blocks["mapping"].text)
    _write(tmp_path / "schemas" / "order.avsc", EXAMPLES[FIRST].blocks["schema"].text)
    return tmp_path


def _variables(name: str) -> dict[str, str]:
    lines = _block("environment", name).text.splitlines()
    return dict(line.split("=", 1) for line in lines)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def test_every_reason_in_the_code_is_explained_and_no_other() -> None:
    """Add the reason to `MEANINGS` in tests/docs/reasons.py, or take it out."""
    found = reasons_in_code()

    unexplained = [
        reason for reason in sorted(found) if not any(_is(known, reason) for known in MEANINGS)
    ]
    gone = [known for known in MEANINGS if not any(_is(known, reason) for reason in found)]

    assert (unexplained, gone) == ([], [])


def _is(known: tuple[str, str], reason: tuple[str, str]) -> bool:
    """Whether a reason is a known one; `*` is the part that the code fills in."""
    return known[0] == reason[0] and fnmatchcase(known[1], reason[1])


def test_the_converters_stand_in_the_order_of_the_code() -> None:
    """`STEPS` groups them, and changes nothing."""
    flat = [name for step in STEPS for name in step]

    assert flat == [name.removesuffix("_") for name in CONVERTERS]


@pytest.mark.parametrize("root", _ROOTS)
def test_every_root_of_paths_is_on_the_page(root: str) -> None:
    """In the table of paths."""
    assert f"`{root}" in TEXT


def test_every_link_of_the_page_leads_somewhere() -> None:
    """To a file beside the page, or to one of its headings."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", TEXT), re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT)

    assert [at for at in links if at not in anchors and not (PAGE.parent / at).exists()] == []


def test_every_command_of_the_page_exists() -> None:
    """Words behind `fullstory-bridge` in code."""
    named = set(re.findall(r"fullstory-bridge ([a-z-]+)", TEXT))

    assert named <= set(COMMANDS)


def test_the_first_check_of_the_page_finds_no_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command below the first mapping, with the page's schema."""
    monkeypatch.chdir(project / "schemas")
    (project / "schemas" / "mappings").symlink_to(project / "mappings")
    command = next(
        line for line in TEXT.splitlines() if line.startswith("fullstory-bridge check m")
    )

    result = run(*command.split()[1:])

    assert result.exit_code == 0, result.output
