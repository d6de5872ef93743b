"""Loads mapping files as rules, with every check that needs no schema.

Invariants: all mistakes of all files are reported together. A mapping with a wrong form does not
hide mistakes in the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.documents.document import Document
from bridge.documents.problems import Problem, Problems
from bridge.documents.validate import validate
from bridge.mapping.language.checks import check_defaults, check_form
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath, MappingFault
from bridge.mapping.language.filters import All, parse_filter
from bridge.mapping.language.grammar.base import LateWord, Mode, OnError
from bridge.mapping.language.grammar.file import Defaults, MappingFile, MappingRule, TopicPattern
from bridge.mapping.language.grammar.values import SessionSource
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.mapping.language.topic_patterns import Pattern, compile_pattern

KIND_CODES: Final[Mapping[str, str]] = {
    "unknown_key": Code.UNKNOWN_KEY.value,
    "missing_key": Code.MISSING_KEY.value,
    "wrong_type": Code.WRONG_TYPE.value,
    "wrong_value": Code.WRONG_VALUE.value,
}
"""The codes for the problems that `bridge.documents` finds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One mapping of one file, with the file's defaults applied.

    `at` is the mapping's path in its document and `filter` the parsed condition. `pattern` is None
    if the topics are listed by name. `topic_names` maps the names in mapping files to Kafka's.
    `warnings` are reported together with those of its plans.
    """

    name: str
    owner: str | None
    document: Document
    at: DocumentPath
    form: MappingRule
    filter: All
    session: str | SessionSource
    on_error: OnError
    mode: Mode
    late: LateWord
    pattern: Pattern | None
    topic_names: Mapping[str, str]
    warnings: tuple[Problem, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are listed by name; none if there is a pattern."""
        return self.form.topics if isinstance(self.form.topics, tuple) else ()

    def reads(self, topic: str) -> bool:
        """Whether the mapping reads this topic; `topic` is its name in mapping files.

        Lists use that name. Patterns match Kafka's name, because they search the cluster's topics.
        """
        if self.pattern is None:
            return topic in self.topics
        return self.pattern.matches(self.topic_names.get(topic, topic))


def load_rules(documents: Iterable[Document], options: Options = NO_OPTIONS) -> tuple[Rule, ...]:
    """The rules of all files, in file order.

    Raises:
        Problems: all mistakes in all files.
    """
    rules, problems = read_rules(documents, options)
    if any(problem.severity == "error" for problem in problems):
        raise Problems(problems)
    return rules


def read_rules(
    documents: Iterable[Document], options: Options = NO_OPTIONS
) -> tuple[tuple[Rule, ...], list[Problem]]:
    """The valid parts of the rules, for further checks, and the problems.

    A rule with wrong properties is returned without them; a rule with any other error is left out.
    """
    problems: list[Problem] = []
    all_rules: list[Rule] = []
    valid: list[Rule] = []
    for document in documents:
        rules, valid_parts, file_problems = _of_document(document, options)
        all_rules += rules
        valid += valid_parts
        problems += file_problems
    return tuple(valid), problems + _duplicate_names(all_rules)


def _of_document(
    document: Document, options: Options
) -> tuple[list[Rule], list[Rule], list[Problem]]:
    """The rules of a file, their valid parts, and the problems."""
    problems: list[Problem] = []
    defaults, owner = Defaults(), None
    try:
        file = validate(MappingFile, document, codes=KIND_CODES)
        defaults, owner = file.defaults, file.owner
        forms = dict(enumerate(file.mappings))
    except Problems as error:
        problems += error.problems
        forms = _well_formed(document)
    of_defaults = Diagnostics(document, ("defaults",))
    check_defaults(defaults, of_defaults, options)
    problems += of_defaults.problems
    rules, valid_parts = [], []
    for index, form in forms.items():
        diagnostics = Diagnostics(document, ("mappings", index))
        check_form(form, diagnostics, options, defaults)
        rule = _rule(diagnostics, form, defaults, owner, options)
        rules.append(rule)
        if not of_defaults.error_paths:
            valid_parts += _valid_part(rule, diagnostics.error_paths)
        problems += diagnostics.problems
    return rules, valid_parts, problems


def _valid_part(rule: Rule, error_paths: Sequence[DocumentPath]) -> list[Rule]:
    """The rule without its wrong properties; nothing if anything else is wrong."""
    wrong = {at[1] for at in error_paths if at[0] == "properties" and len(at) > 1}
    if any(at[0] != "properties" or len(at) < 2 for at in error_paths):
        return []
    kept = {name: value for name, value in rule.form.properties.items() if name not in wrong}
    return [replace(rule, form=rule.form.model_copy(update={"properties": kept}))]


def _well_formed(document: Document) -> dict[int, MappingRule]:
    """The mappings that are well-formed, in a file that is not; by their index."""
    data = document.data
    items = data.get("mappings") if isinstance(data, dict) else None
    forms: dict[int, MappingRule] = {}
    for index in range(len(items) if isinstance(items, list) else 0):
        try:
            forms[index] = validate(MappingRule, document, ("mappings", index), codes=KIND_CODES)
        except Problems:
            continue
    return forms


def _rule(
    diagnostics: Diagnostics,
    form: MappingRule,
    defaults: Defaults,
    owner: str | None,
    options: Options,
) -> Rule:
    return Rule(
        name=form.name,
        owner=owner,
        document=diagnostics.document,
        at=diagnostics.base,
        form=form,
        filter=parse_filter(form.filter or {}, diagnostics, ("filter",)),
        session=form.session or defaults.session or "recent",
        on_error=form.on_error or defaults.on_error or "dead_letter",
        mode=form.mode or defaults.mode or "live",
        late=form.late or defaults.late or "send",
        pattern=_pattern(form.topics),
        topic_names=options.topic_names,
        warnings=tuple(one for one in diagnostics.problems if one.severity == "warning"),
    )


def _pattern(topics: tuple[str, ...] | TopicPattern) -> Pattern | None:
    if not isinstance(topics, TopicPattern):
        return None
    try:
        return compile_pattern(topics.pattern)
    except MappingFault:  # `check_form` reports it
        return None


def _duplicate_names(rules: Sequence[Rule]) -> list[Problem]:
    first: dict[str, Rule] = {}
    problems = []
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            diagnostics = Diagnostics(rule.document, rule.at)
            place = other.document.place((*other.at, "name"))
            message = f"the name `{rule.name}` is already used"
            diagnostics.add(
                MappingFault(Code.NAME_TWICE, message, f"the other one is at {place}"), ("name",)
            )
            problems += diagnostics.problems
    return problems
