"""Settings and mapping files, read and checked without network access.

A topic has two names: its name in Kafka, and its alias in the mapping files. They differ if the
setting `topic_names` says so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bridge.delivery.dead_letter import DeadLetterContext, dead_letter_topic
from bridge.delivery.rejection_rate import NEVER_EXCEEDED, RejectionThreshold
from bridge.documents.document import Document, parse
from bridge.documents.problems import Problem, Problems, did_you_mean
from bridge.errors import SetupError
from bridge.kafka import admin
from bridge.mapping.compiler.compiler import compile_plan, fit_plan
from bridge.mapping.compiler.type_conflicts import Types
from bridge.mapping.language.codes import Code
from bridge.mapping.language.loader import Rule, load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.plan import Plan
from bridge.schema.types import Schema
from bridge.settings.load import Loaded
from bridge.settings.model import Settings

INTERNAL_PREFIX = "__"
"""The prefix of Kafka's internal topics."""


@dataclass(frozen=True, slots=True)
class Config:
    """Valid settings and mappings.

    `topics` maps the Kafka names of the listed topics to their aliases. `patterns` match the Kafka
    names of other topics. `rejection_threshold` is the share of matches that a mapping may reject.
    """

    loaded: Loaded
    rules: Sequence[Rule]
    options: Options
    topics: Mapping[str, str]
    patterns: Sequence[str]
    rejection_threshold: RejectionThreshold

    @property
    def settings(self) -> Settings:
        """The settings, without where they came from."""
        return self.loaded.settings

    def alias(self, topic: str) -> str:
        """The alias of a topic (by Kafka name)."""
        return topic_alias(self.settings, topic)

    def reads(self, topic: str) -> bool:
        """Whether any mapping reads a topic (by Kafka name)."""
        return topic in self.topics or self._matches_pattern(topic)

    def _matches_pattern(self, topic: str) -> bool:
        if topic in self.topics or not may_match_patterns(self.settings, topic):
            return False
        alias = self.alias(topic)
        return any(rule.pattern is not None and rule.reads(alias) for rule in self.rules)

    def dead_letter_topics(self, existing: Iterable[str]) -> list[str]:
        """The dead-letter topics of all topics read; patterns are matched with `existing`."""
        found = [topic for topic in sorted(existing) if self.reads(topic)]
        template = self.settings.dead_letters.topic
        read = dict.fromkeys([*self.topics, *found])
        return list(dict.fromkeys(dead_letter_topic(template, topic) for topic in read))

    def check_dead_letter_topics(self, existing: Collection[str]) -> None:
        """Check that every dead-letter topic exists.

        Raises:
            SetupError: some are missing; the message has the commands that create them.
        """
        servers = self.settings.kafka_config()["bootstrap.servers"]
        missing = [topic for topic in self.dead_letter_topics(existing) if topic not in existing]
        if missing:
            raise SetupError(
                "\n".join(
                    f"dead_letters.topic: there is no topic {topic}\n    fix: kafka-topics.sh"
                    f" --bootstrap-server {servers} --create --topic {topic} --partitions 4"
                    for topic in missing
                )
            )

    @property
    def group(self) -> str:
        """The consumer group from the settings."""
        return str(self.settings.kafka_config()["group.id"])

    @property
    def dead_letter_context(self) -> DeadLetterContext:
        """The consumer group, and the owner of each mapping whose file names one."""
        owners = {rule.name: rule.owner for rule in self.rules if rule.owner is not None}
        return DeadLetterContext(self.group, owners)

    @property
    def events_per_record_max(self) -> int:
        """The most events that one record can become: one per mapping that reads its topic."""
        if self.patterns:
            return len(self.rules)
        return max(sum(rule.reads(topic) for rule in self.rules) for topic in self.topics.values())

    def topics_to_read(self, existing: Iterable[str]) -> list[str]:
        """The topics (by Kafka name) that are read: the listed ones, and `existing` by pattern."""
        return [*self.topics, *sorted(filter(self._matches_pattern, existing))]

    def topics_of(self, mapping: str) -> Callable[[str], bool]:
        """Return a predicate for the topics (by Kafka name) of a mapping."""
        rule = self._rule(mapping)
        return cache(lambda topic: self.reads(topic) and rule.reads(self.alias(topic)))

    def scope_of(self, mapping: str) -> str:
        """Describe the topics of a mapping, by Kafka name."""
        rule = self._rule(mapping)
        if rule.pattern is not None:
            return f"the topics that match {rule.pattern.text}"
        names = [self.settings.topic_names.get(topic, topic) for topic in rule.topics]
        return f"the topic{'s' if len(names) > 1 else ''} {', '.join(names)}"

    def covers_all_topics(self, mappings: Collection[str], topics: Collection[str] = ()) -> bool:
        """Whether these mappings and topics (by Kafka name) cover all topics that are read."""
        covering = [self._rule(mapping) for mapping in mappings]
        covered = {self.alias(topic) for topic in topics}
        patterns = {rule.pattern.text for rule in covering if rule.pattern is not None}
        return all(
            rule.pattern.text in patterns
            if rule.pattern is not None
            else all(
                topic in covered or any(other.reads(topic) for other in covering)
                for topic in rule.topics
            )
            for rule in self.rules
        )

    def _rule(self, mapping: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == mapping)

    def compile_strict(self, topic: str, schema: Schema | None) -> Plan:
        """Compile the mappings of a topic (by Kafka name) for one schema of its records.

        Raises:
            Problems: they do not fit the schema.
        """
        return compile_plan(self.rules, self.alias(topic), schema, self.options)

    def compile_lenient(
        self, topic: str, schema: Schema | None, types: Types | None = None
    ) -> Plan:
        """Compile for a schema found while running: mappings that do not fit reject its records.

        `types` are the types of properties so far; those of this plan are added.
        """
        return fit_plan(self.rules, self.alias(topic), schema, self.options, types)

    def tombstones(self) -> Callable[[str], Plan]:
        """Return a function from topic (by Kafka name) to the plan for records without a value."""
        plans = _Tombstones(self)
        for topic in self.topics:
            plans[topic] = self.compile_strict(topic, None)
        return plans.__getitem__


def topic_alias(settings: Settings, topic: str) -> str:
    """Return the alias of a topic (by Kafka name): its name in the mapping files."""
    names = settings.topic_names.items()
    return next((alias for alias, kafka_name in names if kafka_name == topic), topic)


def may_match_patterns(settings: Settings, topic: str) -> bool:
    """Whether patterns apply to a topic (by Kafka name).

    They never apply to dead-letter topics (an endless loop), to Kafka's internal topics, or to a
    topic whose Kafka name is the alias of another one.
    """
    taken = settings.topic_names.get(topic_alias(settings, topic), topic) != topic
    internal = topic.startswith(INTERNAL_PREFIX)
    return not (taken or internal or is_dead_letter_topic(settings, topic))


def is_dead_letter_topic(settings: Settings, topic: str) -> bool:
    """Whether dead letters are written to a topic; `{topic}` in the setting matches any name."""
    before, placeholder, after = settings.dead_letters.topic.partition("{topic}")
    if not placeholder:
        return topic == before
    longer = len(topic) > len(before) + len(after)
    return longer and topic.startswith(before) and topic.endswith(after)


class _Tombstones(dict[str, Plan]):
    """Plans by topic; those of topics found by pattern are compiled on first use."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config

    def __missing__(self, topic: str) -> Plan:
        plan = self[topic] = self._config.compile_lenient(topic, None)
        return plan


def load_config(loaded: Loaded) -> Config:
    """Read the mapping files and check everything that needs no network.

    Raises:
        SetupError: something is wrong; the message lists all problems.
    """
    settings = loaded.settings
    options = mapping_options(settings)
    try:
        rules = load_rules([_document(file) for file in loaded.mapping_files], options)
    except Problems as problems:
        raise SetupError(str(problems)) from None
    rules = _active_rules(rules, settings.mappings_off)
    names = settings.topic_names
    listed = dict.fromkeys(topic for rule in rules for topic in rule.topics)
    patterns = tuple(dict.fromkeys(rule.pattern.text for rule in rules if rule.pattern))
    if not listed and not patterns:
        raise SetupError("mappings: all of them are off, so there is no topic to read")
    admin.check_configuration(settings.kafka_config())
    topics = {names.get(topic, topic): topic for topic in listed}
    config = Config(loaded, rules, options, topics, patterns, _rejection_threshold(settings))
    raise_problems([*rules_reading_dead_letters(rules, settings), *_tombstone_problems(config)])
    return config


def rules_reading_dead_letters(rules: Sequence[Rule], settings: Settings) -> list[Problem]:
    """Report mappings that list a dead-letter topic: reading it would be an endless loop."""
    return [
        rule.document.problem(
            Code.DEAD_LETTERS.value,
            f"dead letters are written to `{topic}`, so no mapping may read it",
            (*rule.at, "topics", index),
            fix="remove it (`dead-letters replay` resends them), or change `dead_letters.topic`",
        )
        for rule in rules
        if rule.mode != "off"
        for index, topic in enumerate(rule.topics)
        if is_dead_letter_topic(settings, settings.topic_names.get(topic, topic))
    ]


def _tombstone_problems(config: Config) -> list[Problem]:
    """Report problems of the listed topics' mappings with records without a value."""
    problems: dict[Problem, None] = {}
    for topic in config.topics:
        try:
            config.compile_strict(topic, None)
        except Problems as found:
            problems |= dict.fromkeys(found.problems)
    return list(problems)


def _rejection_threshold(settings: Settings) -> RejectionThreshold:
    halt = settings.halt
    return RejectionThreshold(halt.rejected_share, halt.of_last_matches) if halt else NEVER_EXCEEDED


def _document(file: Path) -> Document:
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: cannot be read: {error}") from None


def _active_rules(rules: Sequence[Rule], off: Sequence[str]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    for name in off:
        if name not in names:
            suggestion = did_you_mean(name, names)
            fix = f"; did you mean `{suggestion}`?" if suggestion else ""
            raise SetupError(f"mappings_off: there is no mapping `{name}`{fix}")
    return tuple(rule for rule in rules if rule.name not in off and rule.mode != "off")


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise if any of the problems is an error.

    Raises:
        SetupError: the message lists all problems.
    """
    if any(problem.severity == "error" for problem in problems):
        raise SetupError(str(Problems(tuple(problems))))


def mapping_options(settings: Settings) -> Options:
    """Return the options of the mapping language."""
    key = settings.privacy.hash_key
    return Options(
        api=settings.fullstory.api,
        hash_key=None if key is None else key.get_secret_value().encode(),
        never_send=settings.privacy.never_send,
        topic_names=settings.topic_names,
    )
