"""The examples of the page: read from its fenced blocks, run by the bridge's own code.

The labels of a block say what it is and to which example it belongs:

- `yaml mapping=NAME`: a whole mapping file, or only keys of a mapping. Keys that are not shown
  are those of the example `first`, without its `filter` and `properties`. Without this block the
  mapping is that of `like=NAME`, or of `first`.
- `json record=NAME`: the value of the record. Fields that are not shown are those of `first`.
- `json input=NAME`: a record with its key, headers and timestamp.
- `json schema=NAME`: the Avro schema; without one it is that of `first`.
- What comes of it, each block one outcome: `json event=NAME` (the body of the request),
  `json data=NAME` (its `event_data`), `json part=NAME` (some keys of the event),
  `http request=NAME` (the whole request), `text outcome=NAME` (a skip, a dead letter, a halt, or
  nothing), `text problem=NAME` (what `check` says).

Any block of an example may say `api=v2`, or `now=TIME` for an example in which the age of the
event matters.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.mapping_tests import RealTestEnvironment, build_for
from bridge.documents.document import Document, parse
from bridge.documents.problems import Problems, render
from bridge.mapping.language.grammar.tests import InputRecord
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.event_age import AgeLimits, check_age
from bridge.mapping.runtime.outcome import Event, MappingSkipped, Outcome
from bridge.mapping.testing.tests import _record
from bridge.records import Record
from bridge.schema.conversions import parse_time
from bridge.schema.parser import parse_schema
from tests.docs.page import Block

FIRST: Final = "first"
HASH_KEY: Final = b"secret"
OUTCOMES: Final = ("event", "data", "part", "request", "outcome", "problem")
_KINDS: Final = ("mapping", "record", "input", "schema", *OUTCOMES)
_LIMITS: Final = AgeLimits(1800.0, 604_800.0)
_LEFT_OUT: Final = ("filter", "properties")


@dataclass(slots=True)
class Example:
    """One example: its blocks by kind, and those that say what comes of it."""

    name: str
    blocks: dict[str, Block] = field(default_factory=dict)
    expected: list[Block] = field(default_factory=list)

    @property
    def options(self) -> Options:
        """The API that the example chooses, and a key for digests."""
        return Options(api="v2" if self.label("api") == "v2" else "v1", hash_key=HASH_KEY)

    def label(self, name: str) -> str | None:
        """A label of any of its blocks."""
        every = [*self.blocks.values(), *self.expected]
        return next((block.labels[name] for block in every if name in block.labels), None)


def examples_of(blocks: Iterable[Block]) -> dict[str, Example]:
    """The examples of a page by name, in its order."""
    found: dict[str, Example] = {}
    for block in blocks:
        kind = next((kind for kind in _KINDS if kind in block.labels), None)
        if kind is None:
            continue
        name = block.labels[kind]
        example = found.setdefault(name, Example(name))
        if kind in OUTCOMES:
            example.expected.append(block)
        else:
            example.blocks[kind] = block
    return found


def results(example: Example, examples: Mapping[str, Example]) -> list[str]:
    """What comes of an example, in the form of each block that shows it."""
    try:
        outcomes, record = _run(example, examples)
    except Problems as problems:
        bare = [replace(one, place=None, source_line=None) for one in problems.problems]
        return [render(bare)]
    blocks = example.expected
    if not outcomes:
        return ["nothing"]
    # One outcome may be shown in several blocks: as a request, and as its body.
    shown = [*outcomes] if len(outcomes) > 1 else [*outcomes] * len(blocks)
    if len(shown) != len(blocks):
        return [f"{len(shown)} outcomes, and {len(blocks)} blocks"]
    return [
        _told(outcome, record, example.options, block)
        for outcome, block in zip(shown, blocks, strict=True)
    ]


def expected(example: Example) -> list[str]:
    """What the page says, in the same form."""
    return [
        _plain(json.loads(block.text)) if block.language == "json" else block.text.strip()
        for block in example.expected
    ]


def _run(example: Example, examples: Mapping[str, Example]) -> tuple[Sequence[Outcome], Record]:
    given = _input(example, examples[FIRST])
    options = example.options
    text = (example.blocks.get("schema") or examples[FIRST].blocks["schema"]).text
    writer = WriterSchema("the page's schema", parse_schema(text), texts=(text,))
    environment = RealTestEnvironment({given.topic: writer}, options)
    record = _record(given)
    rules = load_rules([mapping_file(example, examples)], options)
    outcomes = environment.outcomes(rules, record, given.value)
    now = example.label("now")
    if now is not None:
        now_s = parse_time(now).timestamp()
        outcomes = [check_age(outcome, now_s, _LIMITS) for outcome in outcomes]
    return outcomes, record


def mapping_file(example: Example, examples: Mapping[str, Example]) -> Document:
    """The file of an example: as it is shown, or filled up with the keys of the first one."""
    like = examples[example.label("like") or FIRST]
    text = (example.blocks.get("mapping") or like.blocks["mapping"]).text
    shown = parse(text, f"{example.name}.yaml")
    if "format" in shown.data:
        return shown
    return filled(shown.data, examples)


def filled(keys: Mapping[str, Any], examples: Mapping[str, Example]) -> Document:
    """A whole file with one mapping, of which only some keys are given."""
    first = parse(examples[FIRST].blocks["mapping"].text, "first.yaml").data["mappings"][0]
    kept = {key: value for key, value in first.items() if key not in _LEFT_OUT}
    whole = {"format": 1, "mappings": [{**kept, **keys}]}
    return parse(json.dumps(whole, ensure_ascii=False), "filled.yaml")


def _input(example: Example, first: Example) -> InputRecord:
    value = json.loads(first.blocks["record"].text)
    if "input" in example.blocks:
        shown: dict[str, Any] = json.loads(example.blocks["input"].text)
        if shown.get("value", {}) is not None:
            shown["value"] = value | shown.get("value", {})
        return InputRecord.model_validate({"topic": "orders", **shown})
    if "schema" in example.blocks and example is not first:
        value = {}
    if "record" in example.blocks:
        value |= json.loads(example.blocks["record"].text)
    return InputRecord(topic="orders", value=value)


def _told(outcome: Outcome, record: Record, options: Options, block: Block) -> str:
    """An outcome as the block shows it."""
    if isinstance(outcome, MappingSkipped):
        return f"skipped: {outcome.why}"
    if not isinstance(outcome, Event):
        return f"{'halted' if outcome.halt else 'dead letter'}: {outcome.reason}"
    if outcome.shadow:
        return "skipped: shadow"
    request = build_for(options)(outcome, record)
    body = json.loads(request.body)
    if "request" in block.labels:
        return f"{request.method} {request.path}\n\n{request.body.decode()}"
    if "event" in block.labels:
        return _plain(body)
    event: Mapping[str, Any] = body.get("event", body)
    if "data" in block.labels:
        return _plain(event.get("event_data", event.get("properties")))
    named = json.loads(block.text) if block.language == "json" else {}
    return _plain({key: event[key] for key in named if key in event})


def _plain(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
