"""Settings and mapping files, read and found to be right: all that is known without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.documents.document import Document, parse
from bridge.documents.problems import Problem, Problems, did_you_mean
from bridge.errors import SetupError
from bridge.kafka import admin
from bridge.mapping.checks import check_types
from bridge.mapping.compiler import compile_plan
from bridge.mapping.load import Rule, load_rules
from bridge.mapping.options import Options
from bridge.mapping.plan import Plan
from bridge.mapping.schema import Schema
from bridge.settings.load import Loaded
from bridge.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Prepared:
    """Settings and mappings that were found to be right; `topics` maps Kafka's name to ours."""

    loaded: Loaded
    rules: Sequence[Rule]
    options: Options
    topics: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        """The settings alone."""
        return self.loaded.settings

    def admit(self, topic: str, schema: Schema | None) -> Plan:
        """The mappings of a topic (Kafka's name), compiled for one schema of its records.

        Raises:
            Problems: they do not fit the schema.
        """
        return compile_plan(self.rules, self.topics.get(topic, topic), schema, self.options)

    def tombstones(self) -> dict[str, Plan]:
        """For each topic what becomes of records without a value."""
        return {topic: self.admit(topic, None) for topic in self.topics}


def prepare(loaded: Loaded) -> Prepared:
    """Read the mapping files and find out what can be known without a network.

    Raises:
        SetupError: with everything that is wrong.
    """
    settings = loaded.settings
    options = Options(
        api=settings.fullstory.api,
        hash_key=_hash_key(settings),
        never_send=settings.privacy.never_send,
    )
    try:
        rules = load_rules([_document(file) for file in loaded.mapping_files], options)
    except Problems as problems:
        raise SetupError(str(problems)) from None
    rules = _switched_on(rules, settings.mappings_off)
    names = settings.topic_names
    read = dict.fromkeys(topic for rule in rules for topic in _topics(rule))
    if not read:
        raise SetupError("mappings: all of them are off, so there is nothing to read")
    admin.check_configuration(settings.kafka_config())
    topics = {names.get(topic, topic): topic for topic in read}
    prepared = Prepared(loaded, rules, options, topics)
    raise_problems(check_types(list(prepared.tombstones().values())))
    return prepared


def _document(file: Path) -> Document:
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: cannot be read: {error}") from None


def _topics(rule: Rule) -> Sequence[str]:
    topics = rule.form.topics
    if isinstance(topics, tuple):
        return topics
    raise SetupError(f"{rule.document.file}: mapping {rule.name}: topics by pattern are not yet")


def _switched_on(rules: Sequence[Rule], off: Sequence[str]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    for name in off:
        if name not in names:
            meant = did_you_mean(name, names)
            cure = f"; did you mean `{meant}`?" if meant else ""
            raise SetupError(f"mappings_off: there is no mapping `{name}`{cure}")
    return tuple(rule for rule in rules if rule.name not in off and rule.mode != "off")


def raise_problems(problems: Sequence[Problem]) -> None:
    """Refuse to start when an error is among the problems.

    Raises:
        SetupError: with all of them, rendered.
    """
    if any(problem.severity == "error" for problem in problems):
        raise SetupError(str(Problems(tuple(problems))))


def _hash_key(settings: Settings) -> bytes | None:
    key = settings.privacy.hash_key
    return key.get_secret_value().encode() if key is not None else None
