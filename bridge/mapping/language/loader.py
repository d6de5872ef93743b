"""Mapping files to rules: everything that can be known without a schema is checked here.

Invariants: all mistakes of all files are told at once. A mapping whose form is wrong does not hide
what is wrong in the others.
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
from bridge.mapping.language.grammar import (
    Defaults,
    LateWord,
    MappingFile,
    MappingRule,
    Mode,
    OnError,
    SessionPath,
    TopicPattern,
)
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.mapping.language.topic_patterns import Pattern, compile_pattern

KIND_CODES: Final[Mapping[str, str]] = {
    "unknown_key": Code.UNKNOWN_KEY.value,
    "missing_key": Code.MISSING_KEY.value,
    "wrong_type": Code.WRONG_TYPE.value,
    "wrong_value": Code.WRONG_VALUE.value,
}
"""Codes for what the documents room finds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One mapping of one file, with the file's defaults filled in.

    `at` is where the mapping stands in its document; `filter` the parsed condition; `pattern`
    the topics', where they are not listed; `topic_names` are ours to Kafka's. `warnings` are told
    with those of its plans.
    """

    name: str
    owner: str | None
    document: Document
    at: DocumentPath
    form: MappingRule
    filter: All
    session: str | SessionPath
    on_error: OnError
    mode: Mode
    late: LateWord
    pattern: Pattern | None
    topic_names: Mapping[str, str]
    warnings: tuple[Problem, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are named; none where there is a pattern."""
        return self.form.topics if isinstance(self.form.topics, tuple) else ()

    def reads(self, topic: str) -> bool:
        """Whether the mapping is for records of this topic, as the mapping files name it.

        Lists use that name. Patterns see Kafka's: what a pattern is to find is in the cluster.
        """
        if self.pattern is None:
            return topic in self.topics
        return self.pattern.matches(self.topic_names.get(topic, topic))


def load_rules(documents: Iterable[Document], options: Options = NO_OPTIONS) -> tuple[Rule, ...]:
    """The rules of all files, in their order.

    Raises:
        Problems: whatever is wrong, in all of them.
    """
    rules, problems = read_rules(documents, options)
    if any(problem.severity == "error" for problem in problems):
        raise Problems(problems)
    return rules


def read_rules(
    documents: Iterable[Document], options: Options = NO_OPTIONS
) -> tuple[tuple[Rule, ...], list[Problem]]:
    """What is right in the files, to be looked at further, and what is wrong.

    A rule of which properties are wrong is there without them; one of which anything else is
    wrong is not.
    """
    problems: list[Problem] = []
    every: list[Rule] = []
    right: list[Rule] = []
    for document in documents:
        found, parts, wrong = _of_document(document, options)
        every += found
        right += parts
        problems += wrong
    return tuple(right), problems + _name_clashes(every)


def _of_document(
    document: Document, options: Options
) -> tuple[list[Rule], list[Rule], list[Problem]]:
    """The rules of a file, their right parts, and what is wrong."""
    problems: list[Problem] = []
    defaults, owner = Defaults(), None
    try:
        file = validate(MappingFile, document, codes=KIND_CODES)
        defaults, owner = file.defaults, file.owner
        forms = dict(enumerate(file.mappings))
    except Problems as wrong:
        problems += wrong.problems
        forms = _well_formed(document)
    of_all = Diagnostics(document, ("defaults",))
    check_defaults(defaults, of_all, options)
    problems += of_all.problems
    rules, parts = [], []
    for index, form in forms.items():
        diagnostics = Diagnostics(document, ("mappings", index))
        check_form(form, diagnostics, options, defaults.never_send)
        rule = _rule(diagnostics, form, defaults, owner, options)
        rules.append(rule)
        if not of_all.wrong:
            parts += _right_part(rule, diagnostics.wrong)
        problems += diagnostics.problems
    return rules, parts, problems


def _right_part(rule: Rule, wrong: Sequence[DocumentPath]) -> list[Rule]:
    """The rule without the properties that are wrong; nothing where anything else is."""
    lost = {at[1] for at in wrong if at[0] == "properties" and len(at) > 1}
    if any(at[0] != "properties" or len(at) < 2 for at in wrong):
        return []
    kept = {name: value for name, value in rule.form.properties.items() if name not in lost}
    return [replace(rule, form=rule.form.model_copy(update={"properties": kept}))]


def _well_formed(document: Document) -> dict[int, MappingRule]:
    """The mappings of a file with mistakes that have none of their own."""
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
    except MappingFault:  # told by the checks of the form
        return None


def _name_clashes(rules: Sequence[Rule]) -> list[Problem]:
    first: dict[str, Rule] = {}
    problems = []
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            diagnostics = Diagnostics(rule.document, rule.at)
            place = other.document.place((*other.at, "name"))
            message = f"the name `{rule.name}` is taken"
            diagnostics.add(
                MappingFault(Code.NAME_TWICE, message, f"the other stands at {place}"), ("name",)
            )
            problems += diagnostics.problems
    return problems
