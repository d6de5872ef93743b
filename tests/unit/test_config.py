"""Settings and mappings together: which topics are read, and under which name."""

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
from tests.unit.mapping.project import told

SCHEMA = parse_schema(
    json.dumps({"type": "record", "name": "n.R", "fields": [{"name": "u", "type": "string"}]})
)


def rule(name: str, topics: Any, **more: Any) -> dict[str, Any]:
    """A mapping of the user `u`."""
    return {"name": name, "topics": topics, "uid": "u", "event": "E"} | more


def config(folder: Path, mappings: list[dict[str, Any]], **settings: Any) -> Config:
    """What becomes of the least settings and these mappings."""
    (folder / "m.yaml").write_text(
        json.dumps({"format": 1, "owner": "the shop", "mappings": mappings})
    )
    least = {
        "kafka": {"bootstrap.servers": "kafka:9092", "group.id": "bridge"},
        "mappings": ["m.yaml"],
        "avro": {"registry": {"url": "https://registry"}},
        "fullstory": {"key": "na1.made-up"},
    }
    (folder / "bridge.yaml").write_text(json.dumps(least | settings))
    return load_config(load(folder / "bridge.yaml", {}))


BY_NAME = rule("a", ["payments", "carts"])
BY_PATTERN = rule("b", {"pattern": r"^shop\."})


def test_listed_topics_are_known_by_both_names_and_patterns_are_kept(tmp_path: Path) -> None:
    """Kafka's name first."""
    names = {"payments": "prod.payments"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN], topic_names=names)

    assert dict(found.topics) == {"prod.payments": "payments", "carts": "carts"}
    assert found.patterns == (r"^shop\.",)


def test_a_topic_is_read_under_its_name_in_the_mappings(tmp_path: Path) -> None:
    """A pattern sees Kafka's; a topic of Kafka's whose name stands for another one is not read."""
    names = {"payments": "prod.payments", "shop.eu": "prod-eu", "other": "shop.hidden"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN], topic_names=names)

    read = ["prod.payments", "carts", "shop.hidden", "shop.us"]
    not_read = ["payments", "shop.eu", "prod-eu", "other", "xshop.", "__shop."]
    assert [topic for topic in read + not_read if found.reads(topic)] == read


@pytest.mark.parametrize(
    ("letters", "not_read"),
    [
        ("shop.dead", ["shop.dead"]),
        ("shop.{topic}.dead", ["shop.payments.dead"]),
        ("{topic}.dead", ["shop.dead", "shop.eu.dead"]),
    ],
)
def test_no_pattern_takes_the_dead_letters_nor_kafkas_own_topics(
    tmp_path: Path, letters: str, not_read: list[str]
) -> None:
    """The dead letters would come back for ever."""
    every = rule("a", {"pattern": "^"})
    found = config(tmp_path, [every], dead_letters={"topic": letters})

    assert not any(map(found.reads, [*not_read, "__consumer_offsets"]))
    assert found.reads("shop.eu")


def test_the_tombstones_of_a_topic_found_by_pattern_are_compiled_once(tmp_path: Path) -> None:
    """When the first of them comes; after that one look-up."""
    asking = {"filter": {"$value": [{"exists": False}]}, "uid": "$topic"}
    found = config(tmp_path, [rule("a", ["t"], **asking), BY_PATTERN | asking])
    plans = found.tombstones()

    assert plans("shop.eu") is plans("shop.eu")
    assert plans("t") is not plans("shop.eu")
    (outcome,) = plans("shop.eu").map(record("shop.eu", timestamp_ms=1), None)
    assert told(outcome) == "shop.eu"


def test_a_tombstone_that_cannot_be_mapped_keeps_a_bridge_from_starting(tmp_path: Path) -> None:
    """The file alone tells."""
    asking = rule("a", ["t"], filter={"$value": [{"exists": False}]})

    with pytest.raises(SetupError, match="`u` can be missing"):
        config(tmp_path, [asking])


def test_a_new_schema_is_admitted_as_far_as_it_fits_and_at_the_start_not_at_all(
    tmp_path: Path,
) -> None:
    """The strict way for the start, the other one while running."""
    found = config(tmp_path, [BY_NAME, rule("gone", ["carts"], properties={"p": "gone"})])
    types: Types = {}

    with pytest.raises(Problems, match="the schema has no field `gone`"):
        found.admit("carts", SCHEMA)
    plan = found.admit_as_far_as_it_fits("carts", SCHEMA, types)
    assert [mismatch.mapping for mismatch in plan.mismatches] == ["gone"]
    outcomes = plan.map(record("carts", timestamp_ms=1), {"u": "u1"})
    assert [told(outcome) for outcome in outcomes] == ["u1", "schema_does_not_fit"]
    assert found.admit("payments", SCHEMA).mismatches == ()


def test_a_mapping_by_pattern_fires_for_a_topic_that_has_a_name_of_ours_too(
    tmp_path: Path,
) -> None:
    """The pattern is matched with Kafka's name, and the record's `$topic` is ours."""
    names = {"other": "shop.hidden"}
    found = config(tmp_path, [BY_PATTERN | {"uid": "$topic"}], topic_names=names)

    (outcome,) = found.admit("shop.hidden", SCHEMA).map(record("other", timestamp_ms=1), {"u": "u"})
    assert told(outcome) == "other"


def test_the_topics_of_a_mapping_are_those_that_it_reads(tmp_path: Path) -> None:
    """By list and by pattern, in Kafka's names; the dead letters are nobody's."""
    names = {"payments": "prod.payments"}
    letters = {"topic": "shop.dead"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN], topic_names=names, dead_letters=letters)

    every = ["prod.payments", "payments", "carts", "shop.eu", "shop.dead"]
    assert [topic for topic in every if found.topics_of("a")(topic)] == ["prod.payments", "carts"]
    assert [topic for topic in every if found.topics_of("b")(topic)] == ["shop.eu"]


def test_the_topics_of_a_mapping_have_kafkas_names_in_words(tmp_path: Path) -> None:
    """A pattern is told as it is written: which topics it will meet nobody knows."""
    names = {"payments": "prod.payments"}
    found = config(tmp_path, [BY_NAME, BY_PATTERN, rule("c", ["carts"])], topic_names=names)

    assert found.scope_of("a") == "the topics prod.payments, carts"
    assert found.scope_of("b") == r"the topics that match ^shop\."
    assert found.scope_of("c") == "the topic carts"


@pytest.mark.parametrize(
    ("halted", "is_all"),
    [
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
def test_nothing_is_left_once_the_topics_of_all_mappings_are_covered(
    tmp_path: Path, halted: list[str], is_all: bool
) -> None:
    """By whichever mappings; a pattern is covered by the same pattern, not by what it has met."""
    more = [rule("again", {"pattern": r"^shop\."}), rule("every", {"pattern": "s$"})]
    parts = [rule("carts", ["carts"]), rule("payments", ["payments"])]
    found = config(tmp_path, [BY_NAME, BY_PATTERN, *parts, more[0]])
    if "every" in halted:
        found = config(tmp_path, [BY_NAME, BY_PATTERN, *parts, *more])

    assert found.is_all(halted) is is_all


@pytest.mark.parametrize(
    ("letters", "names"),
    [
        ("payments", {}),
        ("prod.payments", {"payments": "prod.payments"}),
        ("pay{topic}", {}),
    ],
)
def test_a_mapping_that_lists_the_dead_letters_is_refused(
    tmp_path: Path, letters: str, names: dict[str, str]
) -> None:
    """They would come back for ever; told at the topic, under whatever name it stands there."""
    settings = {"dead_letters": {"topic": letters}, "topic_names": names}
    with pytest.raises(SetupError, match="M046: dead letters are written to `payments`"):
        config(tmp_path, [BY_NAME], **settings)
    off = config(tmp_path, [BY_NAME | {"mode": "off"}, BY_PATTERN], **settings)
    assert "payments" not in off.topics


def test_dead_letter_topics_are_looked_up_for_all_that_is_read(tmp_path: Path) -> None:
    """One for each topic, by Kafka's names; those of a pattern as far as they are there."""
    found = config(
        tmp_path,
        [BY_NAME, BY_PATTERN],
        topic_names={"payments": "prod.payments"},
        dead_letters={"topic": "dlq.{topic}"},
    )
    existing = ["shop.eu", "dlq.shop.eu", "dlq.carts", "elsewhere"]

    assert found.dead_letter_topics(existing) == ["dlq.prod.payments", "dlq.carts", "dlq.shop.eu"]
    with pytest.raises(SetupError) as told:
        found.check_dead_letter_topics(existing)
    assert str(told.value) == (
        "dead_letters.topic: there is no topic dlq.prod.payments\n    cure: kafka-topics.sh"
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
def test_how_much_a_mapping_may_reject_is_a_setting(
    tmp_path: Path, halt: Any, rejection_threshold: RejectionThreshold
) -> None:
    """Half of the last 500 by default, everything when it is switched off."""
    assert config(tmp_path, [BY_NAME], halt=halt).rejection_threshold == rejection_threshold


def test_a_mapping_has_the_owner_of_its_file(tmp_path: Path) -> None:
    """Told in its dead letters; nothing where the file names none."""
    assert config(tmp_path, [BY_NAME]).dead_letter_context == DeadLetterContext(
        "bridge", {"a": "the shop"}
    )
    file = tmp_path / "m.yaml"
    form = json.loads(file.read_text())
    del form["owner"]
    file.write_text(json.dumps(form))
    assert load_config(load(tmp_path / "bridge.yaml", {})).dead_letter_context.owners == {}
