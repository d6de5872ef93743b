"""Writes a draft as the text of a mapping file, with a comment for every guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.documents.write import block, flow, scalar
from bridge.mapping.drafting.draft import Draft
from bridge.mapping.drafting.identity import Choice
from bridge.mapping.language.grammar.values import LongValue, long_value
from bridge.mapping.runtime.outcome import Event

WIDTH: Final = 100

_DIGEST_PATTERN: Final = {"matches": "^[0-9a-f]{64}$"}


@dataclass(frozen=True, slots=True)
class DraftedTest:
    """A sample record, and the event that the drafted mapping makes from it."""

    draft: Draft
    key: str | None
    headers: Mapping[str, str]
    value: Mapping[str, Any]
    event: Event


def write_draft(
    drafts: Sequence[Draft],
    origin: str,
    tests: Sequence[DraftedTest] = (),
    remarks: Sequence[str] = (),
) -> str:
    """Write the whole file; `origin` names the source of the draft.

    A mapping without a test of its own gets one with a tombstone, which needs no sample record.
    """
    tested = {test.draft.name for test in tests}
    lines = [
        f"# Drafted from {origin}. Every line is a guess: keep what you need, delete the rest.",
        "# With `mode: shadow`, events are built and counted, but not sent.",
        *_hash_comment(drafts),
        *(f"# {remark}" for remark in remarks),
        "format: 1",
        "# owner: the contact for problems with this file",
        "",
        "mappings:",
    ]
    for number, draft in enumerate(drafts):
        lines += [""] * bool(number) + _mapping(draft)
        lines += [] if draft.name in tested else _tombstone_test(draft)
    if tests:
        lines += ["", "tests:"]
    for number, test in enumerate(tests):
        lines += [""] * bool(number) + _test(test)
    return "\n".join(lines) + "\n"


def _hash_comment(drafts: Sequence[Draft]) -> list[str]:
    """A comment about hashes, if the draft has masks only."""
    forms = [_form(line.form) for draft in drafts for line in draft.properties]
    long_forms = [form for form in forms if isinstance(form, LongValue)]
    if any(form.hash for form in long_forms) or not any(
        form.redact == "mask" for form in long_forms
    ):
        return []
    return [
        "# With `privacy.hash_key` in the settings, use `hash: hmac-sha256` instead of",
        "# `redact: mask` to tell e-mail addresses apart without sending them.",
    ]


def _mapping(draft: Draft) -> list[str]:
    lines = [
        f"  - name: {scalar(draft.name)}",
        "    mode: shadow",
        f"    topics: {flow([draft.topic])}",
    ]
    if draft.filter:
        lines += _commented(f"    filter: {flow(draft.filter)}", draft.filter_why)
    lines += _choice("uid", draft.uid)
    lines += _choice("event", draft.event)
    lines += _choice("timestamp", draft.timestamp)
    lines += ["    properties:" if draft.properties else "    properties: {}"]
    for line in draft.properties:
        lines += _commented(f"      {scalar(line.target)}: {flow(line.form)}", line.why)
    if draft.left_out:
        lines.append("      # left out:")
        lines += [
            f"      #   {_printable(path)}: {_printable(why)}" for path, why in draft.left_out
        ]
    if draft.more:
        lines.append(f"      # not listed: {'; '.join(draft.more)}")
    return lines


def _tombstone_test(draft: Draft) -> list[str]:
    return [
        "    # There is no room for a sample record of this type: add a test of a real one.",
        "    tests:",
        "      - name: a tombstone sends nothing",
        f"        input: {{topic: {scalar(draft.topic)}}}",
        "        expect: []",
    ]


def _choice(key: str, choice: Choice) -> list[str]:
    values = choice.form.get("values") if isinstance(choice.form, Mapping) else None
    if not values:
        return _commented(f"    {key}: {flow(choice.form)}", choice.why)
    lines = _commented(f"    {key}:", choice.why)
    lines += [f"      path: {scalar(choice.path)}", "      values:"]
    return lines + [f"        {scalar(name)}: {scalar(text)}" for name, text in values.items()]


def _commented(line: str, why: str) -> list[str]:
    """A line with a comment at its end, or above it if both do not fit into one line."""
    if not why:
        return [line]
    whole = f"{line}  # {_printable(why)}"
    if len(whole) <= WIDTH:
        return [whole]
    return [" " * (len(line) - len(line.lstrip())) + f"# {_printable(why)}", line]


def _printable(text: str) -> str:
    """Text for a comment without unprintable characters, which names in a schema can have."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _test(test: DraftedTest) -> list[str]:
    event = test.event
    lines = [
        f"  - name: {scalar(f'a sample record becomes {event.name}')}",
        "    input:",
        f"      topic: {scalar(test.draft.topic)}",
    ]
    if test.key is not None:
        lines.append(f"      key: {scalar(test.key)}")
    if test.headers:
        lines.append(f"      headers: {flow(test.headers)}")
    lines += ["      value:", *block(test.value, 8, WIDTH)] if test.value else ["      value: {}"]
    lines += [
        "    expect:",
        f"      - mapping: {scalar(test.draft.name)}",
        f"        uid: {scalar(event.uid)}",
        f"        event: {scalar(event.name)}",
        f"        timestamp: {scalar(event.timestamp)}",
        "        exact: true",
    ]
    forms = {line.target: long_value(_form(line.form)) for line in test.draft.properties}
    expected = {
        property_.name: _digest_patterns(property_.value)
        if forms[property_.name].hash
        else property_.value
        for property_ in event.properties
    }
    head = "        properties:"
    return [*lines, head, *block(expected, 10, WIDTH)] if expected else [*lines, f"{head} {{}}"]


def _digest_patterns(value: object) -> Any:
    """The pattern of a hash, because its value depends on the key."""
    return [_DIGEST_PATTERN for _ in value] if isinstance(value, list) else _DIGEST_PATTERN


def _form(form: str | Mapping[str, Any]) -> str | LongValue:
    return form if isinstance(form, str) else LongValue(**form)
