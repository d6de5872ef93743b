"""Settings and mapping files, read and found to be right: all that is known without a network."""

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

INTERNAL = "__"
"""What Kafka's own topics begin with."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings and mappings that were found to be right.

    `topics` maps Kafka's names of the listed topics to ours; `patterns` are those of the other
    mappings, over Kafka's names. `rejection_threshold` says how much a mapping may reject.
    """

    loaded: Loaded
    rules: Sequence[Rule]
    options: Options
    topics: Mapping[str, str]
    patterns: Sequence[str]
    rejection_threshold: RejectionThreshold

    @property
    def settings(self) -> Settings:
        """The settings alone."""
        return self.loaded.settings

    def name(self, topic: str) -> str:
        """Our name of a topic of Kafka's."""
        return own_name(self.settings, topic)

    def reads(self, topic: str) -> bool:
        """Whether records of a topic (Kafka's name) are wanted."""
        return topic in self.topics or self._by_pattern(topic)

    def _by_pattern(self, topic: str) -> bool:
        if topic in self.topics or not open_to_patterns(self.settings, topic):
            return False
        name = self.name(topic)
        return any(rule.pattern is not None and rule.reads(name) for rule in self.rules)

    def dead_letter_topics(self, existing: Iterable[str]) -> list[str]:
        """The dead-letter topics of what is read, patterns looked up among the existing topics."""
        met = [topic for topic in sorted(existing) if self.reads(topic)]
        template = self.settings.dead_letters.topic
        read = dict.fromkeys([*self.topics, *met])
        return list(dict.fromkeys(dead_letter_topic(template, topic) for topic in read))

    def check_dead_letter_topics(self, existing: Collection[str]) -> None:
        """See that every dead-letter topic is there.

        Raises:
            SetupError: with the command that creates each of those that are not.
        """
        servers = self.settings.kafka_config()["bootstrap.servers"]
        missing = [topic for topic in self.dead_letter_topics(existing) if topic not in existing]
        if missing:
            raise SetupError(
                "\n".join(
                    f"dead_letters.topic: there is no topic {topic}\n    cure: kafka-topics.sh"
                    f" --bootstrap-server {servers} --create --topic {topic} --partitions 4"
                    for topic in missing
                )
            )

    @property
    def group(self) -> str:
        """The consumer group of the settings."""
        return str(self.settings.kafka_config()["group.id"])

    @property
    def dead_letter_context(self) -> DeadLetterContext:
        """Our group, and who is asked about each mapping, where its file says so."""
        owners = {rule.name: rule.owner for rule in self.rules if rule.owner is not None}
        return DeadLetterContext(self.group, owners)

    @property
    def events_per_record_max(self) -> int:
        """The most events that one record can become: one for each mapping that reads its topic."""
        if self.patterns:
            return len(self.rules)
        return max(sum(rule.reads(topic) for rule in self.rules) for topic in self.topics.values())

    def among(self, there: Iterable[str]) -> list[str]:
        """The topics (Kafka's names) that are read: the listed, and those of `there` by pattern."""
        return [*self.topics, *sorted(name for name in there if self._by_pattern(name))]

    def topics_of(self, mapping: str) -> Callable[[str], bool]:
        """Which topics (Kafka's names) are a mapping's."""
        rule = self._rule(mapping)
        return cache(lambda topic: self.reads(topic) and rule.reads(self.name(topic)))

    def scope_of(self, mapping: str) -> str:
        """A mapping's topics in words, by Kafka's names."""
        rule = self._rule(mapping)
        if rule.pattern is not None:
            return f"the topics that match {rule.pattern.text}"
        names = [self.settings.topic_names.get(topic, topic) for topic in rule.topics]
        return f"the topic{'s' if len(names) > 1 else ''} {', '.join(names)}"

    def is_all(self, mappings: Collection[str]) -> bool:
        """Whether nothing is read but the topics of these mappings."""
        those = [self._rule(mapping) for mapping in mappings]
        patterns = {rule.pattern.text for rule in those if rule.pattern is not None}
        return all(
            rule.pattern.text in patterns
            if rule.pattern is not None
            else all(any(one.reads(topic) for one in those) for topic in rule.topics)
            for rule in self.rules
        )

    def _rule(self, mapping: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == mapping)

    def admit(self, topic: str, schema: Schema | None) -> Plan:
        """The mappings of a topic (Kafka's name), compiled for one schema of its records.

        Raises:
            Problems: they do not fit the schema.
        """
        return compile_plan(self.rules, self.name(topic), schema, self.options)

    def admit_as_far_as_it_fits(
        self, topic: str, schema: Schema | None, types: Types | None = None
    ) -> Plan:
        """The same for a schema met while running: mappings that do not fit it reject.

        `types` are the types that properties have had so far; those of this plan are added.
        """
        return fit_plan(self.rules, self.name(topic), schema, self.options, types)

    def tombstones(self) -> Callable[[str], Plan]:
        """For a topic (Kafka's name) what becomes of records without a value."""
        plans = _Tombstones(self)
        for topic in self.topics:
            plans[topic] = self.admit(topic, None)
        return plans.__getitem__


def own_name(settings: Settings, topic: str) -> str:
    """Our name of a topic of Kafka's: how the mapping files call it."""
    names = settings.topic_names.items()
    return next((own for own, theirs in names if theirs == topic), topic)


def open_to_patterns(settings: Settings, topic: str) -> bool:
    """Whether a pattern may take a topic (Kafka's name) that it matches.

    Neither the dead letters, which would come back for ever, nor Kafka's own topics, nor one
    whose name stands for another topic in the mapping files.
    """
    taken = settings.topic_names.get(own_name(settings, topic), topic) != topic
    return not (taken or topic.startswith(INTERNAL) or is_dead_letter_topic(settings, topic))


def is_dead_letter_topic(settings: Settings, topic: str) -> bool:
    """Whether dead letters are written to a topic; `{topic}` in its name stands for any."""
    before, hole, after = settings.dead_letters.topic.partition("{topic}")
    if not hole:
        return topic == before
    longer = len(topic) > len(before) + len(after)
    return longer and topic.startswith(before) and topic.endswith(after)


class _Tombstones(dict[str, Plan]):
    """Plans by topic; those of topics found by pattern are made when they are first asked for."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config

    def __missing__(self, topic: str) -> Plan:
        plan = self[topic] = self._config.admit_as_far_as_it_fits(topic, None)
        return plan


def load_config(loaded: Loaded) -> Config:
    """Read the mapping files and find out what can be known without a network.

    Raises:
        SetupError: with everything that is wrong.
    """
    settings = loaded.settings
    options = mapping_options(settings)
    try:
        rules = load_rules([_document(file) for file in loaded.mapping_files], options)
    except Problems as problems:
        raise SetupError(str(problems)) from None
    rules = _switched_on(rules, settings.mappings_off)
    names = settings.topic_names
    listed = dict.fromkeys(topic for rule in rules for topic in rule.topics)
    patterns = tuple(dict.fromkeys(rule.pattern.text for rule in rules if rule.pattern))
    if not listed and not patterns:
        raise SetupError("mappings: all of them are off, so there is nothing to read")
    admin.check_configuration(settings.kafka_config())
    topics = {names.get(topic, topic): topic for topic in listed}
    config = Config(loaded, rules, options, topics, patterns, _tolerance(settings))
    raise_problems([*rules_reading_dead_letters(rules, settings), *_unfit_for_tombstones(config)])
    return config


def rules_reading_dead_letters(rules: Sequence[Rule], settings: Settings) -> list[Problem]:
    """The mappings that list the topic of the dead letters, which would come back for ever."""
    return [
        rule.document.problem(
            Code.DEAD_LETTERS.value,
            f"dead letters are written to `{topic}`, so no mapping may read it",
            (*rule.at, "topics", index),
            fix="leave it out (`dead-letters replay` sends them), or set `dead_letters.topic`",
        )
        for rule in rules
        if rule.mode != "off"
        for index, topic in enumerate(rule.topics)
        if is_dead_letter_topic(settings, settings.topic_names.get(topic, topic))
    ]


def _unfit_for_tombstones(config: Config) -> list[Problem]:
    """What is wrong with the mappings of listed topics for records without a value."""
    problems: dict[Problem, None] = {}
    for topic in config.topics:
        try:
            config.admit(topic, None)
        except Problems as found:
            problems |= dict.fromkeys(found.problems)
    return list(problems)


def _tolerance(settings: Settings) -> RejectionThreshold:
    halt = settings.halt
    return RejectionThreshold(halt.rejected_share, halt.of_last_matches) if halt else NEVER_EXCEEDED


def _document(file: Path) -> Document:
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: cannot be read: {error}") from None


def _switched_on(rules: Sequence[Rule], off: Sequence[str]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    for name in off:
        if name not in names:
            meant = did_you_mean(name, names)
            fix = f"; did you mean `{meant}`?" if meant else ""
            raise SetupError(f"mappings_off: there is no mapping `{name}`{fix}")
    return tuple(rule for rule in rules if rule.name not in off and rule.mode != "off")


def raise_problems(problems: Sequence[Problem]) -> None:
    """Refuse to start when an error is among the problems.

    Raises:
        SetupError: with all of them, rendered.
    """
    if any(problem.severity == "error" for problem in problems):
        raise SetupError(str(Problems(tuple(problems))))


def mapping_options(settings: Settings) -> Options:
    """What the settings say to the mapping room."""
    key = settings.privacy.hash_key
    return Options(
        api=settings.fullstory.api,
        hash_key=None if key is None else key.get_secret_value().encode(),
        never_send=settings.privacy.never_send,
        topic_names=settings.topic_names,
    )
