"""Compares an outcome with the expectation of a test, and describes each difference.

Invariants: only the expected properties are compared; with `exact` there must be no others.
Numbers are compared as numbers, times as instants; true is not 1. A property that is expected to
be null must not exist.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.language.grammar.tests import Expectation, ExpectedSession
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Outcome,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)
from bridge.schema.conversions import MappingError, parse_time


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference from the expectation; `field` is empty if the whole outcome differs."""

    mapping: str
    field: str
    wanted: str
    got: str
    reasons: tuple[str, ...] = ()


def differences(expected: Expectation, outcome: Outcome | None) -> Iterator[Difference]:
    """All differences; `outcome` is None if the filter does not match."""
    mapping = expected.mapping
    wanted = "an event"
    if expected.dead_letter is not None:
        wanted = f"a dead letter ({expected.dead_letter})"
    if expected.skipped is not None:
        wanted = f"a skip ({expected.skipped})"
    if expected.halted is not None:
        wanted = f"a halt ({expected.halted})"
    match outcome:
        case Event() if wanted == "an event":
            yield from _event_differences(expected, outcome)
        case MappingRejected(reason=reason, halt=False) if expected.dead_letter == reason:
            pass
        case MappingRejected(reason=reason, halt=True) if expected.halted == reason:
            pass
        case MappingSkipped(why=why) if expected.skipped == why:
            pass
        case None:
            yield Difference(mapping, "", wanted, "nothing: its filter does not match")
        case _:
            yield Difference(mapping, "", wanted, describe_outcome(outcome))


def _event_differences(expected: Expectation, event: Event) -> Iterator[Difference]:
    mapping = expected.mapping
    if expected.uid is not None and expected.uid != event.uid:
        yield Difference(mapping, "uid", _json(expected.uid), _json(event.uid))
    if expected.event is not None and expected.event != event.name:
        yield Difference(mapping, "event", _json(expected.event), _json(event.name))
    if expected.timestamp is not None and not _same_time(expected.timestamp, event.timestamp):
        yield Difference(mapping, "timestamp", expected.timestamp, event.timestamp)
    if expected.session is not None:
        wanted, got = _expected_session(expected.session), _actual_session(event.session)
        if wanted != got:
            yield Difference(mapping, "session", _json(wanted), _json(got))
    yield from _property_differences(expected, event)


def _property_differences(expected: Expectation, event: Event) -> Iterator[Difference]:
    wanted = expected.properties or {}
    got = {property_.name: property_ for property_ in event.properties}
    for name, value in wanted.items():
        field = f"properties.{name}"
        inner = next((other for other in got if other.startswith(f"{name}.")), None)
        if inner is not None:
            found = f"an object: its properties are compared one by one, such as `{inner}`"
            yield Difference(expected.mapping, field, _expected_text(value), found)
        elif name not in got:
            if value is not None:
                yield Difference(expected.mapping, field, _expected_text(value), "nothing")
        elif not _equal(value, got[name].value, got[name].type):
            yield Difference(expected.mapping, field, _expected_text(value), _json(got[name].value))
    for name, property_ in got.items() if expected.exact else ():
        if name not in wanted:
            field = f"properties.{name}"
            yield Difference(expected.mapping, field, "nothing", _json(property_.value))


def _equal(wanted: Any, got: Any, type_: str) -> bool:
    if isinstance(wanted, Mapping):
        return set(wanted) == {"matches"} and _matches(wanted["matches"], got)
    if isinstance(wanted, list) and isinstance(got, list):
        pairs = zip(wanted, got, strict=False)
        return len(wanted) == len(got) and all(_equal(w, g, type_) for w, g in pairs)
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if type_ in ("date", "dates") and isinstance(wanted, str):
        return _same_time(wanted, got)
    return type(wanted) in _COMPARABLE_TYPES.get(type(got), ()) and wanted == got


_COMPARABLE_TYPES: Final[Mapping[type, tuple[type, ...]]] = {
    str: (str,),
    int: (int, float),
    float: (int, float),
}


def _matches(pattern: object, got: Any) -> bool:
    return re.search(str(pattern), got if isinstance(got, str) else _json(got)) is not None


def _same_time(wanted: str, got: str) -> bool:
    """Whether two texts are the same instant, in any notation."""
    if wanted == got:
        return True
    try:
        instant = parse_time(wanted)
        return instant.tzinfo is not None and instant == parse_time(got)
    except MappingError:
        return False


def _actual_session(session: Session) -> object:
    """A session as in a mapping file, with the record's value instead of the path."""
    match session:
        case Recent():
            return "recent"
        case NoSession():
            return "none"
        case SessionUrl(url):
            return {"url": url}
        case DeviceSession(id):
            return {"device": id}
        case SessionId(id):
            return {"id": id}


def _expected_session(form: str | ExpectedSession) -> object:
    if isinstance(form, str):
        return form
    named = {"url": form.url, "device": form.device, "id": form.id}
    return {key: value for key, value in named.items() if value is not None}


def describe_outcome(outcome: Outcome) -> str:
    """Describe an outcome."""
    match outcome:
        case Event(name=name):
            return f"the event {_json(name)}"
        case MappingRejected(reason=reason, message=message):
            return f"{'a halt' if outcome.halt else 'a dead letter'} ({reason}): {message}"
        case MappingSkipped(why=why):
            return f"a skip ({why})"


def _expected_text(value: object) -> str:
    if isinstance(value, Mapping) and set(value) == {"matches"}:
        return f"text that matches {value['matches']}"
    if value is None:
        return "nothing"
    return _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
