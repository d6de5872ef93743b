"""Settings and mappings together: which topics are read, and under which alias."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.app.config import Config, load_config
from bridge.delivery.dead_letter import DeadLetterContext
from bridge.delivery.rejection_rate import NEVER_EXCEEDED, RejectionThreshold
from bridge.documents.problems import Problems
from bridge.errors import SetupError
from bridge.mapping.compiler.type_conflicts import Types
from bridge.schema.parser import parse_schema
from bridge.settings.load import load
from tests.cases.raw import record
from tests.unit.mapping.project import uid_or_reason

SCHEMA = parse_schema(
    json.dumps({"type": "record", "name": "n.R", "fields": [{"name": "u", "type": "string"}]})
)


def rule(name: str, topics: Any, **more: Any) -> dict[str, Any]:
    """Return a mapping with the user `u`."""
    return {"name": name, "topics": topics, "uid": "u", "event": "E"} | more


def config(folder: Path, mappings: list[dict[str, Any]], **settings: Any) -> Config:
    """Load minimal settings and these mappings."""
    (folder / "m.yaml").write_text(
        json.dumps({"format": 1, "owner": "the shop", "mappings": mappings})
    )
    minimal = {
        "kafka": {"bootstrap.servers": "kafka:9092", "group.id": "bridge"},
        "mappings": ["m.yaml"],
        "avro": {"registry": {"url": "https://registry"}},
        "fullstory": {"key": "na1.made-up"},
    }
    (folder / "bridge.yaml").write_text(json.dumps(minimal | settings))
    return load_config(load(folder / "bridge.yaml", {}))


BY_NAME = rule("a", ["payments", "carts"])
BY_PATTERN = rule("b", {"pattern": r"^shop\."})


def test_listed_topics_have_a_kafka_name_and_an_alias(tmp_path: Path) -> None:
    """Kafka names map to aliases; patterns are kept as they are."""
    names = {"payments": "prod.payments"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN], topic_names=names)

    assert dict(found.topics) == {"prod.payments": "payments", "carts": "carts"}
    assert found.patterns == (r"^shop\.",)


def test_a_topic_is_read_under_its_alias(tmp_path: Path) -> None:
    """A pattern matches Kafka names; a topic named like the alias of another one is not read."""
    names = {"payments": "prod.payments", "shop.eu": "prod-eu", "other": "shop.hidden"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN], topic_names=names)

    read = ["prod.payments", "carts", "shop.hidden", "shop.us"]
    not_read = ["payments", "shop.eu", "prod-eu", "other", "xshop.", "__shop."]
    assert [topic for topic in read + not_read if found.reads(topic)] == read


@pytest.mark.parametrize(
    ("template", "not_read"),
    [
        ("shop.dead", ["shop.dead"]),
        ("shop.{topic}.dead", ["shop.payments.dead"]),
        ("{topic}.dead", ["shop.dead", "shop.eu.dead"]),
    ],
)
def test_patterns_match_neither_dead_letter_topics_nor_internal_topics(
    tmp_path: Path, template: str, not_read: list[str]
) -> None:
    """Reading dead letters would be an endless loop."""
    every = rule("a", {"pattern": "^"})
    found = config(tmp_path, [every], dead_letters={"topic": template})

    assert not any(map(found.reads, [*not_read, "__consumer_offsets"]))
    assert found.reads("shop.eu")


def test_the_tombstone_plan_of_a_topic_found_by_pattern_is_compiled_once(tmp_path: Path) -> None:
    """On first use; then it is one lookup."""
    tombstones = {"filter": {"$value": [{"exists": False}]}, "uid": "$topic"}
    found = config(tmp_path, [rule("a", ["t"], **tombstones), BY_PATTERN | tombstones])
    plans = found.tombstones()

    assert plans("shop.eu") is plans("shop.eu")
    assert plans("t") is not plans("shop.eu")
    (outcome,) = plans("shop.eu").map(record("shop.eu", timestamp_ms=1), None)
    assert uid_or_reason(outcome) == "shop.eu"


def test_a_mapping_of_tombstones_that_needs_the_value_is_refused(tmp_path: Path) -> None:
    """The mapping file alone shows it."""
    mapping = rule("a", ["t"], filter={"$value": [{"exists": False}]})

    with pytest.raises(SetupError, match="`u` can be missing"):
        config(tmp_path, [mapping])


def test_a_schema_that_a_mapping_does_not_fit_fails_only_the_strict_compilation(
    tmp_path: Path,
) -> None:
    """Strict at startup, lenient while running."""
    found = config(tmp_path, [BY_NAME, rule("gone", ["carts"], properties={"p": "gone"})])
    types: Types = {}

    with pytest.raises(Problems, match="the schema has no field `gone`"):
        found.compile_strict("carts", SCHEMA)
    plan = found.compile_lenient("carts", SCHEMA, types)
    assert [mismatch.mapping for mismatch in plan.mismatches] == ["gone"]
    outcomes = plan.map(record("carts", timestamp_ms=1), {"u": "u1"})
    assert [uid_or_reason(outcome) for outcome in outcomes] == ["u1", "schema_does_not_fit"]
    assert found.compile_strict("payments", SCHEMA).mismatches == ()


def test_a_mapping_by_pattern_applies_to_a_topic_with_an_alias(
    tmp_path: Path,
) -> None:
    """The pattern matches the Kafka name, and `$topic` is the alias."""
    names = {"other": "shop.hidden"}
    found = config(tmp_path, [BY_PATTERN | {"uid": "$topic"}], topic_names=names)

    plan = found.compile_strict("shop.hidden", SCHEMA)
    (outcome,) = plan.map(record("other", timestamp_ms=1), {"u": "u"})
    assert uid_or_reason(outcome) == "other"


def test_the_topics_of_a_mapping_are_those_that_it_reads(tmp_path: Path) -> None:
    """By list and by pattern, as Kafka names; dead-letter topics belong to none."""
    names = {"payments": "prod.payments"}
    dead_letters = {"topic": "shop.dead"}
    mappings = [BY_NAME, BY_PATTERN]
    found = config(tmp_path, mappings, topic_names=names, dead_letters=dead_letters)

    every = ["prod.payments", "payments", "carts", "shop.eu", "shop.dead"]
    assert [topic for topic in every if found.topics_of("a")(topic)] == ["prod.payments", "carts"]
    assert [topic for topic in every if found.topics_of("b")(topic)] == ["shop.eu"]


def test_the_scope_of_a_mapping_names_its_topics_by_kafka_name(tmp_path: Path) -> None:
    """A pattern is shown as written: the topics that it will match are not known."""
    names = {"payments": "prod.payments"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN, rule("c", ["carts"])], topic_names=names)

    assert found.scope_of("a") == "the topics prod.payments, carts"
    assert found.scope_of("b") == r"the topics that match ^shop\."
    assert found.scope_of("c") == "the topic carts"


@pytest.mark.parametrize(
    ("halted", "covers_all_topics"),
    [
        (["b", "topic payments", "topic carts"], True),
        (["b", "topic payments"], False),
        (["b", "carts", "topic prod.payments"], False),
        (["b", "carts", "topic payments"], True),
        (["a", "topic shop.eu"], False),
        ([], False),
        (["a"], False),
        (["b"], False),
        (["a", "b"], True),
        (["carts", "payments", "again"], True),
        (["carts", "b"], False),
        (["every"], False),
        (["every", "b"], True),
    ],
)
def test_halts_cover_everything_once_they_cover_the_topics_of_all_mappings(
    tmp_path: Path, halted: list[str], covers_all_topics: bool
) -> None:
    """Only the same pattern covers a pattern, not the topics that it has matched."""
    more = [rule("again", {"pattern": r"^shop\."}), rule("every", {"pattern": "s$"})]
    parts = [rule("carts", ["carts"]), rule("payments", ["payments"])]
    found = config(tmp_path, [BY_NAME, BY_PATTERN, *parts, more[0]])
    if "every" in halted:
        found = config(tmp_path, [BY_NAME, BY_PATTERN, *parts, *more])

    topics = [name.removeprefix("topic ") for name in halted if name.startswith("topic ")]
    mappings = [name for name in halted if not name.startswith("topic ")]
    assert found.covers_all_topics(mappings, topics) is covers_all_topics


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("payments", {}),
        ("prod.payments", {"payments": "prod.payments"}),
        ("pay{topic}", {}),
    ],
)
def test_a_mapping_that_lists_a_dead_letter_topic_is_refused(
    tmp_path: Path, template: str, names: dict[str, str]
) -> None:
    """Reading it would be an endless loop; the problem is reported at the topic, by its alias."""
    settings = {"dead_letters": {"topic": template}, "topic_names": names}
    with pytest.raises(SetupError, match="M046: dead letters are written to `payments`"):
        config(tmp_path, [BY_NAME], **settings)
    off = config(tmp_path, [BY_NAME | {"mode": "off"}, BY_PATTERN], **settings)
    assert "payments" not in off.topics


def test_every_topic_that_is_read_must_have_its_dead_letter_topic(tmp_path: Path) -> None:
    """By Kafka name; topics of a pattern count if they exist."""
    found = config(
        tmp_path,
        [BY_NAME, BY_PATTERN],
        topic_names={"payments": "prod.payments"},
        dead_letters={"topic": "dlq.{topic}"},
    )
    existing = ["shop.eu", "dlq.shop.eu", "dlq.carts", "other"]

    assert found.dead_letter_topics(existing) == ["dlq.prod.payments", "dlq.carts", "dlq.shop.eu"]
    with pytest.raises(SetupError) as error:
        found.check_dead_letter_topics(existing)
    assert str(error.value) == (
        "dead_letters.topic: there is no topic dlq.prod.payments\n    fix: kafka-topics.sh"
        " --bootstrap-server kafka:9092 --create --topic dlq.prod.payments --partitions 4"
    )
    found.check_dead_letter_topics([*existing, "dlq.prod.payments"])


@pytest.mark.parametrize(
    ("halt", "rejection_threshold"),
    [
        ({}, RejectionThreshold(0.5, 500)),
        ({"rejected_share": 0.2, "of_last_matches": 100}, RejectionThreshold(0.2, 100)),
        (None, NEVER_EXCEEDED),
    ],
)
def test_the_rejection_threshold_is_a_setting(
    tmp_path: Path, halt: Any, rejection_threshold: RejectionThreshold
) -> None:
    """Half of the last 500 by default; no limit if `halt` is null."""
    assert config(tmp_path, [BY_NAME], halt=halt).rejection_threshold == rejection_threshold


def test_a_mapping_has_the_owner_of_its_file(tmp_path: Path) -> None:
    """It is written into dead letters, unless the file names none."""
    assert config(tmp_path, [BY_NAME]).dead_letter_context == DeadLetterContext(
        "bridge", {"a": "the shop"}
    )
    file = tmp_path / "m.yaml"
    content = json.loads(file.read_text())
    del content["owner"]
    file.write_text(json.dumps(content))
    assert load_config(load(tmp_path / "bridge.yaml", {})).dead_letter_context.owners == {}
