"""What a draft takes for the user, the event's name and its time."""

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
"""Of an enum that becomes a table of names."""

_USERS: Final = (
    *("user", "customer", "shopper", "buyer", "member", "client", "person", "payer", "visitor"),
    *("purchaser", "account", "owner", "subscriber", "guest", "cardholder", "patient", "employee"),
)
"""Who is meant, likeliest first."""

_TIMES: Final = (
    *("occurred", "happened", "event", "timestamp", "created", "placed", "ordered", "order"),
    *("ordertime", "transaction", "payment", "paid", "completed", "updated", "time", "ts"),
)
"""Which time is the event's, likeliest first."""

_SUFFIX_UNITS: Final[Mapping[str, TimeFormat]] = {
    "ms": "unix_ms",
    "millis": "unix_ms",
    "us": "unix_us",
    "micros": "unix_us",
    "ns": "unix_ns",
    "nanos": "unix_ns",
}
_NAMED: Final = ("event_type", "eventtype", "event", "event_name", "type", "status", "state")
_TIME_WORDS: Final = frozenset(("at", "time", "timestamp", "ts", "date", "on"))
_TIME_ENDS = re.compile(r"(?:time|timestamp|date)$")


@dataclass(frozen=True, slots=True)
class Choice:
    """A form as the mapping file writes it, the path in it, and why it was chosen."""

    form: str | Mapping[str, Any]
    path: str = ""
    why: str = ""


def choose_uid(
    schema_fields: Sequence[SchemaField], observed: ObservedValues, options: Options
) -> Choice:
    """The place that names a user; without one the record's key or a header, as a question."""
    globs = (*BUILT_IN, *options.never_send)
    ranked = []
    for schema_field in schema_fields:
        rank = _user_rank(schema_field)
        if rank is not None and refusing_glob(schema_field.path, globs) is None:
            ranked.append((rank, len(schema_field.names), schema_field))
    if not ranked:
        return _no_uid(observed)
    ranked.sort(key=lambda one: one[:2])
    schema_field = ranked[0][2]
    why = "must be the id that the web site gives to FS.identify"
    seen = observed.at(schema_field.names)
    if nulls := observed.missing(schema_field.names):
        why += f"; null in {nulls} of {nulls + seen.values} records, which are skipped"
    if len(ranked) > 1:
        others = ", ".join(other.path for _, __, other in ranked[1:4])
        why += f"; or is it {others}?"
    missing = isinstance(schema_field.located, ResolvedPath) and schema_field.located.missing
    form = {"path": schema_field.path, "optional": True} if missing else schema_field.path
    return Choice(form, schema_field.path, why)


def _no_uid(observed: ObservedValues) -> Choice:
    by_key = observed.text_keys == observed.records
    path = "$key" if by_key else "$headers.x-user-id"
    why = "LOOK HERE: no field looks like the user's id, and the record's key rarely is one"
    if not by_key:
        why = "LOOK HERE: no field looks like the user's id; a header may carry it"
    return Choice({"path": path, "optional": True}, path, why)


def _user_rank(schema_field: SchemaField) -> int | None:
    """How likely a place names the user, the smaller the likelier; None where it does not."""
    located = schema_field.located
    if isinstance(located, str) or located.many:
        return None
    try:
        form = representation_of(located.avro_types, schema_field.path)
    except MappingFault:
        return None
    if form.kind not in ("str", "int") or form.symbols is not None or form.text is None:
        return None
    words = words_of(schema_field.names[-1])
    above = words_of(schema_field.names[-2]) if len(schema_field.names) > 1 else ()
    *before, last = words or ("",)
    if words in (("uid",), ("userid",), ("customerid",)):
        return 0
    who = None
    if last in ("id", "uuid", "uid", "ref", "no", "number") and (before or above):
        who = (before or above)[-1]
    elif last in _USERS and not before:
        return 50 + _USERS.index(last)
    if who not in _USERS or personal_by_name(schema_field.names, "") is not None:
        return None
    return _USERS.index(who) + (0 if last in ("id", "uuid", "uid") else 25)


def choose_event(
    schema_fields: Sequence[SchemaField], subject: str, *, created: bool = False
) -> Choice:
    """A table over an enum that says what happened, else the record's name."""
    if created:
        return Choice(f"{subject} Created", why="what happened, in the words of the business")
    ranked = sorted(
        (rank, len(schema_field.names), number)
        for number, schema_field in enumerate(schema_fields)
        if (rank := _event_rank(schema_field)) is not None
    )
    if not ranked:
        why = "the record's name: say what happened, in the words of the business"
        return Choice(subject[:EVENT_CHARS_MAX], why=why)
    schema_field = schema_fields[ranked[0][2]]
    symbols = (
        schema_field.located.avro_types[0].symbols
        if isinstance(schema_field.located, ResolvedPath)
        else ()
    )
    values = {symbol: event_of(subject, symbol)[:EVENT_CHARS_MAX] for symbol in symbols}
    path = schema_field.path
    why = f"to leave some out, filter: {{{path}: [{symbols[0]}]}}; do not strike names out"
    return Choice({"path": schema_field.path, "values": values}, schema_field.path, why)


def _event_rank(schema_field: SchemaField) -> int | None:
    located = schema_field.located
    if isinstance(located, str) or located.missing or located.many or len(located.avro_types) != 1:
        return None
    avro_type = located.avro_types[0]
    if (
        avro_type.measure != "enum"
        or not 0 < len(avro_type.symbols) <= SYMBOLS_MAX
        or len(schema_field.names) > 2
    ):
        return None
    words = words_of(schema_field.names[-1])
    name = "_".join(words)
    if name in _NAMED and not (len(schema_field.names) > 1 and name == "type"):
        return _NAMED.index(name)
    return len(_NAMED) if words and words[-1] in ("status", "state") else None


def choose_time(
    schema_fields: Sequence[SchemaField], outer: Sequence[SchemaField], observed: ObservedValues
) -> Choice:
    """When it happened: a time by its type, else one by name and look, else the record's own."""
    of_source = [
        schema_field
        for schema_field in outer
        if schema_field.names == ("source", "ts_ms") and _is_long(schema_field)
    ]
    if of_source and outer is not schema_fields:
        path = of_source[0].path
        return _timed(of_source[0], {"path": path, "format": "unix_ms"}, "the change of the row")
    typed = sorted(
        (_time_rank(schema_field), len(schema_field.names), number)
        for number, schema_field in enumerate(schema_fields)
        if _is_instant(schema_field)
    )
    if typed:
        schema_field = schema_fields[typed[0][2]]
        others = ", ".join(schema_fields[number].path for _, __, number in typed[1:4])
        return _timed(
            schema_field, {"path": schema_field.path}, f"or is it {others}?" if others else ""
        )
    doubtful = [schema_field for schema_field in schema_fields if _names_a_time(schema_field)]
    for schema_field in sorted(doubtful, key=lambda one: (_time_rank(one), len(one.names))):
        format_, why = _format_of(schema_field, observed)
        if format_ is not None:
            return _timed(schema_field, {"path": schema_field.path, "format": format_}, why)
    why = "when the record was written"
    if doubtful:
        schema_field = doubtful[0]
        example = "iso8601" if _kind(schema_field) == "str" else "unix_ms"
        why += f"; or, if that is its form: {{path: {schema_field.path}, format: {example}}}"
    return Choice("$timestamp", "$timestamp", why)


def _timed(schema_field: SchemaField, form: dict[str, Any], why: str) -> Choice:
    missing = isinstance(schema_field.located, ResolvedPath) and schema_field.located.missing
    if missing:
        form["optional"] = True
        why = f"{why}; " * bool(why) + "where it is missing, the record's own time counts"
    return Choice(form if len(form) > 1 else schema_field.path, schema_field.path, why)


def _is_instant(schema_field: SchemaField) -> bool:
    located = schema_field.located
    if isinstance(located, str) or located.many or len(schema_field.names) > 3:
        return False
    return {avro_type.measure for avro_type in located.avro_types} == {"instant"}


def _names_a_time(schema_field: SchemaField) -> bool:
    words = words_of(schema_field.names[-1])
    named = bool(words) and (
        words[-1] in _TIME_WORDS or words[-1] in _SUFFIX_UNITS or bool(_TIME_ENDS.search(words[-1]))
    )
    if personal_by_name(schema_field.names, "") is not None:
        return False
    return named and len(schema_field.names) <= 3 and _kind(schema_field) in ("str", "int")


def _kind(schema_field: SchemaField) -> str | None:
    located = schema_field.located
    if isinstance(located, str) or located.many:
        return None
    try:
        form = representation_of(located.avro_types, schema_field.path)
    except MappingFault:
        return None
    return form.kind if form.symbols is None else None


def _format_of(
    schema_field: SchemaField, observed: ObservedValues
) -> tuple[TimeFormat | None, str]:
    """The form of a time that the schema does not tell, and how it is known."""
    if schema_field.logical == "debezium-zoned-timestamp":
        return "iso8601", "Debezium's time with an offset"
    seen = observed.at(schema_field.names)
    looked_at = f"by the look of {seen.values} records"
    if _kind(schema_field) == "str":
        return ("iso8601", looked_at) if seen.all_are("time") else (None, "")
    unit = _SUFFIX_UNITS.get(words_of(schema_field.names[-1])[-1])
    if unit is not None and _is_long(schema_field):
        return unit, "by name"
    return (seen.unit, looked_at) if seen.unit is not None else (None, "")


def _is_long(schema_field: SchemaField) -> bool:
    """Whether times finer than seconds fit in."""
    return (
        isinstance(schema_field.located, ResolvedPath)
        and schema_field.located.avro_types[0].what == "long"
    )


def _time_rank(schema_field: SchemaField) -> int:
    words = words_of(schema_field.names[-1])
    return min((_TIMES.index(word) for word in words if word in _TIMES), default=len(_TIMES))
