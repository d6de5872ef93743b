"""Checks, before the first record, that the mappings fit the newest schema of each topic.

Invariants: each topic is judged alone, so a schema of one topic never keeps another from starting.
If two topics give one property different types, the topic that comes first fits, and the other one
does not.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from bridge.app.config import Config, raise_problems
from bridge.avro.schema_store import WriterSchema
from bridge.delivery.halts import FIX_THE_SCHEMA, HaltedTopic
from bridge.documents.problems import Problem, Problems
from bridge.errors import SetupError
from bridge.mapping.compiler.type_conflicts import Types, conflicts
from bridge.schema.types import Schema

UNUSABLE_SCHEMA = "C004"

FetchNewest = Callable[[str], Awaitable[WriterSchema | None]]
"""Returns the newest schema of a topic, or None; raises SetupError if the schema is unusable."""


class UnfitTopic(NamedTuple):
    """A topic (by Kafka name) whose newest schema is unusable or does not fit the mappings."""

    topic: str
    why: str
    problems: Sequence[Problem]

    @property
    def errors(self) -> list[Problem]:
        """The problems without the warnings."""
        return [problem for problem in self.problems if problem.severity == "error"]


async def find_unfit_topics(
    config: Config, topics: Collection[str], newest: FetchNewest, types: Types
) -> list[UnfitTopic]:
    """The topics that cannot start; the property types of all others are added to `types`."""
    unfit = []
    for topic in topics:
        try:
            schema = await newest(topic)
        except SetupError as error:
            problem = Problem(UNUSABLE_SCHEMA, str(error))
            unfit.append(UnfitTopic(topic, "its newest schema cannot be used", [problem]))
            continue
        problems = [] if schema is None else _mismatches(config, topic, schema.schema, types)
        if schema is not None and problems:
            why = f"its newest schema, {schema.label}, does not fit the mappings"
            unfit.append(UnfitTopic(topic, why, problems))
    return unfit


def refuse_start(unfit: Sequence[UnfitTopic]) -> None:
    """Refuse to start if any topic is unfit.

    Raises:
        SetupError: the message lists all problems.
    """
    raise_problems(list(dict.fromkeys(problem for one in unfit for problem in one.problems)))


def halted_topic(config: Config, unfit: UnfitTopic) -> HaltedTopic:
    """The halt of an unfit topic: the first problem, and the owners of the mappings concerned."""
    first, *others = unfit.errors
    why = f"{unfit.why}: {first.message}"
    if first.place is not None:
        why += f" ({first.place})"
    if others:
        why += f", and {len(others)} more"
    fix = f"{first.fix}; {FIX_THE_SCHEMA}" if first.fix else FIX_THE_SCHEMA
    return HaltedTopic(unfit.topic, why, fix, _owners(config, unfit))


def _mismatches(config: Config, topic: str, schema: Schema, types: Types) -> Sequence[Problem]:
    try:
        plan = config.compile_strict(topic, schema)
    except Problems as found:
        return found.problems
    merged = dict(types)
    problems = conflicts(plan.typed, merged)
    if not problems:
        types.update(merged)
    return problems


def _owners(config: Config, unfit: UnfitTopic) -> str | None:
    """The owners of the topic's mappings whose files have problems; None if no file has one."""
    alias = config.alias(unfit.topic)
    files = {problem.place.file for problem in unfit.errors if problem.place is not None}
    owners = [
        rule.owner
        for rule in config.rules
        if rule.owner and rule.reads(alias) and rule.document.file in files
    ]
    return ", ".join(dict.fromkeys(owners)) or None
