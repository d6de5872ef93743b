"""Guesses the user id, the event name and the timestamp of a draft."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import representation_of
from bridge.mapping.drafting.names import event_of
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.personal_data import personal_by_name, words_of
from bridge.mapping.drafting.schema_fields import SchemaField
from bridge.mapping.language.checks import EVENT_CHARS_MAX
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.grammar import TimeFormat
from bridge.mapping.language.options import Options
from bridge.mapping.language.privacy import BUILT_IN, refusing_glob

SYMBOLS_MAX: Final = 60
"""Maximum number of symbols of an enum that becomes a table of event names."""

_USER_WORDS: Final = (
    *("user", "customer", "shopper", "buyer", "member", "client", "person", "payer", "visitor"),
    *("purchaser", "account", "owner", "subscriber", "guest", "cardholder", "patient", "employee"),
)
"""Words for the user, most likely first."""

_RANKED_TIME_WORDS: Final = (
    *("occurred", "happened", "event", "timestamp", "created", "placed", "ordered", "order"),
    *("ordertime", "transaction", "payment", "paid", "completed", "updated", "time", "ts"),
)
"""Words for the time of the event, most likely first."""

_SUFFIX_UNITS: Final[Mapping[str, TimeFormat]] = {
    "ms": "unix_ms",
    "millis": "unix_ms",
    "us": "unix_us",
    "micros": "unix_us",
    "ns": "unix_ns",
    "nanos": "unix_ns",
}
_EVENT_NAMES: Final = ("event_type", "eventtype", "event", "event_name", "type", "status", "state")
_TIME_WORDS: Final = frozenset(("at", "time", "timestamp", "ts", "date", "on"))
_TIME_SUFFIX = re.compile(r"(?:time|timestamp|date)$")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for the mapping file, the path in it, and the reason for the choice."""

    form: str | Mapping[str, Any]
    path: str = ""
    why: str = ""


def choose_uid(
    schema_fields: Sequence[SchemaField], observed: ObservedValues, options: Options
) -> Choice:
    """Choose the field with the user id; if there is none, the record's key or a header."""
    globs = (*BUILT_IN, *options.never_send)
    ranked = []
    for schema_field in schema_fields:
        rank = _user_rank(schema_field)
        if rank is not None and refusing_glob(schema_field.path, globs) is None:
            ranked.append((rank, len(schema_field.names), schema_field))
    if not ranked:
        return _no_uid(observed)
    ranked.sort(key=lambda candidate: candidate[:2])
    schema_field = ranked[0][2]
    why = "must be the id that the website passes to FS.identify"
    observed_field = observed.at(schema_field.names)
    if nulls := observed.missing(schema_field.names):
        why += f"; null in {nulls} of {nulls + observed_field.values} records, which are skipped"
    if len(ranked) > 1:
        others = ", ".join(other.path for _, __, other in ranked[1:4])
        why += f"; alternatives: {others}"
    missing = isinstance(schema_field.resolved, ResolvedPath) and schema_field.resolved.missing
    form = {"path": schema_field.path, "optional": True} if missing else schema_field.path
    return Choice(form, schema_field.path, why)


def _no_uid(observed: ObservedValues) -> Choice:
    by_key = observed.text_keys == observed.records
    path = "$key" if by_key else "$headers.x-user-id"
    why = "CHECK THIS: no field looks like a user id, and the record's key rarely is one"
    if not by_key:
        why = "CHECK THIS: no field looks like a user id; maybe a header has it"
    return Choice({"path": path, "optional": True}, path, why)


def _user_rank(schema_field: SchemaField) -> int | None:
    """The rank of a field as the user id (lower is more likely); None if it cannot be one."""
    resolved = schema_field.resolved
    if isinstance(resolved, str) or resolved.many:
        return None
    try:
        form = representation_of(resolved.avro_types, schema_field.path)
    except MappingFault:
        return None
    if form.kind not in ("str", "int") or form.symbols is not None or form.text is None:
        return None
    words = words_of(schema_field.names[-1])
    parent_words = words_of(schema_field.names[-2]) if len(schema_field.names) > 1 else ()
    *before, last = words or ("",)
    if words in (("uid",), ("userid",), ("customerid",)):
        return 0
    owner = None
    if last in ("id", "uuid", "uid", "ref", "no", "number") and (before or parent_words):
        owner = (before or parent_words)[-1]
    elif last in _USER_WORDS and not before:
        return 50 + _USER_WORDS.index(last)
    if owner not in _USER_WORDS or personal_by_name(schema_field.names, "") is not None:
        return None
    return _USER_WORDS.index(owner) + (0 if last in ("id", "uuid", "uid") else 25)


def choose_event(
    schema_fields: Sequence[SchemaField], subject: str, *, created: bool = False
) -> Choice:
    """Choose a table over an enum that says what happened, or else the record's name."""
    if created:
        return Choice(f"{subject} Created", why="replace it with a name in business terms")
    ranked = sorted(
        (rank, len(schema_field.names), number)
        for number, schema_field in enumerate(schema_fields)
        if (rank := _event_rank(schema_field)) is not None
    )
    if not ranked:
        why = "from the record's name: replace it with what happened, in business terms"
        return Choice(subject[:EVENT_CHARS_MAX], why=why)
    schema_field = schema_fields[ranked[0][2]]
    symbols = (
        schema_field.resolved.avro_types[0].symbols
        if isinstance(schema_field.resolved, ResolvedPath)
        else ()
    )
    values = {symbol: event_of(subject, symbol)[:EVENT_CHARS_MAX] for symbol in symbols}
    path = schema_field.path
    why = f"to send only some, add filter: {{{path}: [{symbols[0]}]}}; do not delete names here"
    return Choice({"path": schema_field.path, "values": values}, schema_field.path, why)


def _event_rank(schema_field: SchemaField) -> int | None:
    resolved = schema_field.resolved
    if (
        isinstance(resolved, str)
        or resolved.missing
        or resolved.many
        or len(resolved.avro_types) != 1
    ):
        return None
    avro_type = resolved.avro_types[0]
    if (
        avro_type.measure != "enum"
        or not 0 < len(avro_type.symbols) <= SYMBOLS_MAX
        or len(schema_field.names) > 2
        or personal_by_name(schema_field.names, "") is not None
    ):
        return None
    words = words_of(schema_field.names[-1])
    name = "_".join(words)
    if name in _EVENT_NAMES and not (len(schema_field.names) > 1 and name == "type"):
        return _EVENT_NAMES.index(name)
    return len(_EVENT_NAMES) if words and words[-1] in ("status", "state") else None


def choose_time(
    schema_fields: Sequence[SchemaField],
    envelope_fields: Sequence[SchemaField],
    observed: ObservedValues,
) -> Choice:
    """Choose the time: by type, else by name and value format, else the record's timestamp."""
    of_source = [
        schema_field
        for schema_field in envelope_fields
        if schema_field.names == ("source", "ts_ms") and _is_long(schema_field)
    ]
    if of_source and envelope_fields is not schema_fields:
        path = of_source[0].path
        return _time_choice(
            of_source[0], {"path": path, "format": "unix_ms"}, "when the row changed"
        )
    typed = sorted(
        (_time_rank(schema_field), len(schema_field.names), number)
        for number, schema_field in enumerate(schema_fields)
        if _is_instant(schema_field)
    )
    if typed:
        schema_field = schema_fields[typed[0][2]]
        others = ", ".join(schema_fields[number].path for _, __, number in typed[1:4])
        return _time_choice(
            schema_field, {"path": schema_field.path}, f"alternatives: {others}" if others else ""
        )
    candidates = [schema_field for schema_field in schema_fields if _has_time_name(schema_field)]
    for schema_field in sorted(
        candidates, key=lambda candidate: (_time_rank(candidate), len(candidate.names))
    ):
        format_, why = _time_format(schema_field, observed)
        if format_ is not None:
            return _time_choice(schema_field, {"path": schema_field.path, "format": format_}, why)
    why = "when the record was written"
    if candidates:
        schema_field = candidates[0]
        example = "iso8601" if _kind(schema_field) == "str" else "unix_ms"
        why += f"; if the format fits, use {{path: {schema_field.path}, format: {example}}}"
    return Choice("$timestamp", "$timestamp", why)


def _time_choice(schema_field: SchemaField, form: dict[str, Any], why: str) -> Choice:
    missing = isinstance(schema_field.resolved, ResolvedPath) and schema_field.resolved.missing
    if missing:
        form["optional"] = True
        why = f"{why}; " * bool(why) + "if it is missing, the record's timestamp counts"
    return Choice(form if len(form) > 1 else schema_field.path, schema_field.path, why)


def _is_instant(schema_field: SchemaField) -> bool:
    resolved = schema_field.resolved
    if isinstance(resolved, str) or resolved.many or len(schema_field.names) > 3:
        return False
    return {avro_type.measure for avro_type in resolved.avro_types} == {"instant"}


def _has_time_name(schema_field: SchemaField) -> bool:
    words = words_of(schema_field.names[-1])
    named = bool(words) and (
        words[-1] in _TIME_WORDS
        or words[-1] in _SUFFIX_UNITS
        or bool(_TIME_SUFFIX.search(words[-1]))
    )
    if personal_by_name(schema_field.names, "") is not None:
        return False
    return named and len(schema_field.names) <= 3 and _kind(schema_field) in ("str", "int")


def _kind(schema_field: SchemaField) -> str | None:
    resolved = schema_field.resolved
    if isinstance(resolved, str) or resolved.many:
        return None
    try:
        form = representation_of(resolved.avro_types, schema_field.path)
    except MappingFault:
        return None
    return form.kind if form.symbols is None else None


def _time_format(
    schema_field: SchemaField, observed: ObservedValues
) -> tuple[TimeFormat | None, str]:
    """The format of a time without a logical type, and the reason for the guess."""
    if schema_field.logical == "debezium-zoned-timestamp":
        return "iso8601", "Debezium's time with an offset"
    observed_field = observed.at(schema_field.names)
    reason = f"judging by {observed_field.values} records"
    if _kind(schema_field) == "str":
        return ("iso8601", reason) if observed_field.all_are("time") else (None, "")
    unit = _SUFFIX_UNITS.get(words_of(schema_field.names[-1])[-1])
    if unit is not None and _is_long(schema_field):
        return unit, "by name"
    return (observed_field.unit, reason) if observed_field.unit is not None else (None, "")


def _is_long(schema_field: SchemaField) -> bool:
    """Whether the type has room for times in milliseconds or finer."""
    return isinstance(schema_field.resolved, ResolvedPath) and schema_field.resolved.avro_types[
        0
    ].what.startswith("long")


def _time_rank(schema_field: SchemaField) -> int:
    words = words_of(schema_field.names[-1])
    return min(
        (_RANKED_TIME_WORDS.index(word) for word in words if word in _RANKED_TIME_WORDS),
        default=len(_RANKED_TIME_WORDS),
    )
