"""A draft as the text of a mapping file, with a comment for every guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.documents.write import block, flow, scalar
from bridge.mapping.drafting.draft import Draft
from bridge.mapping.drafting.identity import Choice
from bridge.mapping.language.grammar import LongValue, long_value
from bridge.mapping.runtime.outcome import Event

WIDTH: Final = 100

_DIGEST: Final = {"matches": "^[0-9a-f]{64}$"}


@dataclass(frozen=True, slots=True)
class DraftedTest:
    """A made-up record, and the event that the drafted mapping makes of it."""

    draft: Draft
    key: str | None
    headers: Mapping[str, str]
    value: Mapping[str, Any]
    event: Event


def write_draft(drafts: Sequence[Draft], origin: str, tests: Sequence[DraftedTest] = ()) -> str:
    """The whole file; `origin` says what it was drafted from."""
    lines = [
        f"# Drafted from {origin}. Every line is a guess: keep what is needed, strike the rest.",
        "# While `mode: shadow` stands, events are made and counted, and none is sent.",
        *_of_hashes(drafts),
        "format: 1",
        "# owner: who is asked when something is wrong here",
        "",
        "mappings:",
    ]
    for number, draft in enumerate(drafts):
        lines += [""] * bool(number) + _mapping(draft)
    if tests:
        lines += ["", "tests:"]
    for number, test in enumerate(tests):
        lines += [""] * bool(number) + _test(test)
    return "\n".join(lines) + "\n"


def _of_hashes(drafts: Sequence[Draft]) -> list[str]:
    """What a person may want to know who sees masks where hashes could be."""
    forms = [_form(line.form) for draft in drafts for line in draft.properties]
    longs = [form for form in forms if isinstance(form, LongValue)]
    if any(form.hash for form in longs) or not any(form.redact == "mask" for form in longs):
        return []
    return [
        "# With `privacy.hash_key` in the settings, `hash: hmac-sha256` in place of `redact: mask`",
        "# tells one e-mail address from another without sending any.",
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
        lines += [f"      #   {_safe(path)}: {_safe(why)}" for path, why in draft.left_out]
    return lines


def _choice(key: str, choice: Choice) -> list[str]:
    values = choice.form.get("values") if isinstance(choice.form, Mapping) else None
    if not values:
        return _commented(f"    {key}: {flow(choice.form)}", choice.why)
    lines = _commented(f"    {key}:", choice.why)
    lines += [f"      path: {scalar(choice.path)}", "      values:"]
    return lines + [f"        {scalar(name)}: {scalar(text)}" for name, text in values.items()]


def _commented(line: str, why: str) -> list[str]:
    """A line with a comment behind it, or above it where both are too long for one line."""
    if not why:
        return [line]
    whole = f"{line}  # {_safe(why)}"
    if len(whole) <= WIDTH:
        return [whole]
    return [" " * (len(line) - len(line.lstrip())) + f"# {_safe(why)}", line]


def _safe(text: str) -> str:
    """Text for a comment: names of a schema may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _test(test: DraftedTest) -> list[str]:
    event = test.event
    lines = [
        f"  - name: {scalar(f'a made-up record becomes {event.name}')}",
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
        found.name: _digests(found.value) if forms[found.name].hash else found.value
        for found in event.properties
    }
    head = "        properties:"
    return [*lines, head, *block(expected, 10, WIDTH)] if expected else [*lines, f"{head} {{}}"]


def _digests(value: object) -> Any:
    """What a hash looks like, for the key is not everybody's."""
    return [_DIGEST for _ in value] if isinstance(value, list) else _DIGEST


def _form(form: str | Mapping[str, Any]) -> str | LongValue:
    return form if isinstance(form, str) else LongValue(**form)
