"""The check before the first record: mappings must fit the newest schema of every topic."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.app.bridge import Bridge
from bridge.app.components import schema_files
from bridge.app.replay import ReplayCounts, ReplayScope, replay_bridge
from bridge.app.variation import USUAL, Variation
from bridge.avro.registry.client import RegistryClient
from bridge.avro.schema_store import FileSchemas, WriterSchema
from bridge.delivery.dead_letter_reader import DeadLetterFilter
from bridge.delivery.halts import HaltedTopic
from bridge.delivery.pauses import SCHEMA_REGISTRY
from bridge.errors import SetupError, Unavailable
from bridge.observer import Fact, Info, Resumed, Waiting
from bridge.schema.parser import parse_schema
from tests.unit.test_config import BY_NAME, BY_PATTERN, config, rule
from tests.unit.virtual_time import run

RIGHT = {"u": "string"}
PAID = rule("paid", ["payments"], event="Paid", properties={"n": "n"})
ORDERED = rule("ordered", ["orders"], event="Ordered")


def schema(**types: Any) -> str:
    """Return the schema of a record with these fields."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return json.dumps({"type": "record", "name": "n.R", "fields": fields})


class Start:
    """A starting bridge with a fake registry and a folder of schema files."""

    def __init__(self, folder: Path, mappings: Sequence[dict[str, Any]], **avro: Any) -> None:
        self.facts: list[Fact] = []
        self.subjects: dict[str, str | Exception] = {}
        self.outage: list[Unavailable] = []
        settings = {"avro": {"registry": {"url": "https://registry"}, "topics": avro}}
        self.config = config(folder, list(mappings), **settings)

    def notify(self, fact: Fact) -> None:
        """Record a fact."""
        self.facts.append(fact)

    async def latest(self, subject: str) -> WriterSchema | None:
        """Return the newest version of a subject."""
        if self.outage:
            raise self.outage.pop()
        found = self.subjects.get(subject)
        if isinstance(found, Exception):
            raise found
        return None if found is None else WriterSchema(subject, parse_schema(found))

    def check(
        self, topics: Collection[str] = (), variation: Variation = USUAL
    ) -> Sequence[HaltedTopic]:
        """Run the check of a start, with these topics in the cluster; return the halted ones."""
        files = FileSchemas(schema_files(self.config.settings))
        registry = cast("RegistryClient", self)
        bridge = Bridge(self.config, self, variation)
        return run(bridge._check_newest_schemas(files, registry, topics))


@pytest.mark.parametrize("wire_format", ["raw", "single_object"])
def test_a_topic_with_schema_files_is_checked_against_the_newest_file(
    tmp_path: Path, wire_format: str
) -> None:
    """The registry is not queried."""
    (tmp_path / "right.avsc").write_text(schema(u="string"))
    (tmp_path / "wrong.avsc").write_text(schema(user="string"))

    def start(*files: str) -> Start:
        codec = {"wire_format": wire_format, "schema": list(files)}
        return Start(tmp_path, [BY_NAME | {"topics": ["payments"]}], payments=codec)

    start("right.avsc").check()
    with pytest.raises(SetupError, match="the schema has no field `u`"):
        start("wrong.avsc").check()
    if wire_format == "single_object":
        start("wrong.avsc", "right.avsc").check()
        with pytest.raises(SetupError, match="the schema has no field `u`"):
            start("right.avsc", "wrong.avsc").check()


def test_existing_topics_that_a_pattern_matches_are_checked_too(tmp_path: Path) -> None:
    """By their subjects; a missing subject is reported and is not an error."""
    start = Start(tmp_path, [BY_PATTERN])
    start.subjects = {
        "shop.eu-value": schema(u="string"),
        "other-value": schema(x="string"),
    }
    start.check(["shop.eu", "shop.us", "other"])
    assert start.facts == [Info("the registry has no subject shop.us-value yet")]

    start.subjects["shop.us-value"] = schema(user="string")
    assert [one.topic for one in start.check(["shop.eu", "shop.us", "other"])] == ["shop.us"]
    assert start.check(["shop.eu", "other"]) == []


@pytest.mark.parametrize(
    ("newest", "why", "owner"),
    [
        (
            schema(u="string", m="int"),
            "its newest schema, payments-value, does not fit the mappings: the schema has no",
            "the shop",
        ),
        (
            schema(u="int", m="int"),
            "its newest schema, payments-value, does not fit the mappings: ",
            "the shop",
        ),
        (
            SetupError("payments-value version 2 is PROTOBUF, and only Avro is supported"),
            "its newest schema cannot be used: payments-value version 2 is PROTOBUF",
            None,  # the halt names the owners of all of its mappings
        ),
    ],
)
def test_only_the_topic_whose_newest_schema_is_unfit_is_halted(
    tmp_path: Path, newest: str | Exception, why: str, owner: str | None
) -> None:
    """With the owner, the reason and the fix; the other topic starts."""
    start = Start(tmp_path, [PAID, ORDERED])
    start.subjects = {"payments-value": newest, "orders-value": schema(**RIGHT)}

    [halted] = start.check()

    assert (halted.topic, halted.owner) == ("payments", owner)
    assert halted.why.startswith(why)
    assert "`fullstory-bridge check`" in halted.fix
    assert "restart the bridge" in halted.fix


def test_the_halt_counts_the_other_problems_and_gives_the_fix_of_the_first(tmp_path: Path) -> None:
    """The log has one line for a topic; `check` has them all."""
    properties = {"n": "nn", "m": "gone", "o": "gone"}
    start = Start(tmp_path, [PAID | {"properties": properties}, ORDERED])
    start.subjects["payments-value"] = schema(**RIGHT, n="int")

    [halted] = start.check()

    assert "no field `nn` (" in halted.why
    assert halted.why.endswith("), and 2 more")
    assert halted.fix.startswith("did you mean `n`?; fix the mapping or the schema")


def test_two_types_of_a_property_halt_the_second_topic_only(tmp_path: Path) -> None:
    """Its own properties do not count for topics that come after it."""
    later = rule("later", ["later"], event="Refunded", properties={"n": "n"})
    conflicting = rule("again", ["orders"], event="Paid", properties={"n": "n"})
    refunded = rule("refunded", ["orders"], event="Refunded", properties={"n": "u"})
    start = Start(tmp_path, [PAID, conflicting, refunded, later])
    start.subjects = {
        "payments-value": schema(**RIGHT, n="int"),
        "orders-value": schema(**RIGHT, n="string"),
        "later-value": schema(**RIGHT, n="int"),
    }

    [halted] = start.check()

    assert halted.topic == "orders"
    assert "`n` of the event `Paid` is `str` here and `int` at" in halted.why


@pytest.mark.parametrize(
    ("subjects", "variation"),
    [
        ({"payments-value": schema(x="int")}, Variation(strict_start=True)),
        ({"payments-value": schema(x="int"), "orders-value": SetupError("no Avro")}, Variation()),
    ],
)
def test_a_start_is_refused_if_it_is_strict_or_if_no_topic_fits(
    tmp_path: Path, subjects: dict[str, str | Exception], variation: Variation
) -> None:
    """All problems are listed at once."""
    start = Start(tmp_path, [PAID, ORDERED])
    start.subjects = subjects

    with pytest.raises(SetupError) as refusal:
        start.check(variation=variation)

    assert "no field `u`" in str(refusal.value)
    assert "no field `n`" in str(refusal.value)
    assert ("error C004: no Avro" in str(refusal.value)) is ("orders-value" in subjects)


def test_an_unusable_schema_ends_the_outage_of_the_registry(tmp_path: Path) -> None:
    """The registry has answered, whatever the answer was."""
    start = Start(tmp_path, [PAID, ORDERED])
    start.subjects["payments-value"] = SetupError("no Avro")
    start.outage.append(Unavailable("no answer"))

    assert len(start.check()) == 1
    assert start.facts[:2] == [Waiting(SCHEMA_REGISTRY, "no answer"), Resumed(SCHEMA_REGISTRY)]


@pytest.mark.parametrize(
    ("selected", "starts"),
    [
        (DeadLetterFilter("bridge"), False),
        (DeadLetterFilter("bridge", topics=frozenset({"payments"})), False),
        (DeadLetterFilter("bridge", topics=frozenset({"orders"})), True),
        (DeadLetterFilter("bridge", mappings=frozenset({"paid"})), False),
        (DeadLetterFilter("bridge", mappings=frozenset({"ordered"})), True),
    ],
)
def test_a_replay_is_refused_only_if_a_topic_that_it_covers_is_unfit(
    tmp_path: Path, selected: DeadLetterFilter, starts: bool
) -> None:
    """It halts nothing: a halted topic would keep it from ending."""
    start = Start(tmp_path, [PAID, ORDERED])
    start.subjects["payments-value"] = schema(x="int")
    scope = ReplayScope(selected, [], {}, {}, {}, {})
    replay = replay_bridge(start.config, start, scope, ReplayCounts())

    if starts:
        assert start.check(variation=replay._variation) == []
    else:
        with pytest.raises(SetupError, match="no field `u`"):
            start.check(variation=replay._variation)
