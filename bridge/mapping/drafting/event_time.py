"""Guesses the timestamp of a draft."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.drafting.identity import Choice
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.personal_data import personal_by_name, word_set, words_of
from bridge.mapping.drafting.schema_fields import SchemaField
from bridge.mapping.language.grammar.base import TimeFormat

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
_TIME_WORDS: Final = frozenset(("at", "time", "timestamp", "ts", "date", "on"))
_PAST: Final = frozenset(
    ("occurred", "happened", "created", "placed", "ordered", "paid", "completed", "updated")
)
_OTHER_TIMES: Final = word_set(
    "expiry expires expire expired expiration expiring due delivery deliver shipping birth until "
    "valid deadline scheduled planned estimated expected promised eta next renewal maturity end"
)
"""Words for times other than that of the event, most of them in the future."""

_TIME_SUFFIX = re.compile(r"(?:time|timestamp|date)$")


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
    candidates = sorted(
        (schema_field for schema_field in schema_fields if _has_time_name(schema_field)),
        key=lambda candidate: (_time_rank(candidate), len(candidate.names)),
    )
    for schema_field in candidates:
        format_, why = _time_format(schema_field, observed)
        if format_ is not None:
            return _time_choice(schema_field, {"path": schema_field.path, "format": format_}, why)
    why = "when the record was written"
    if candidates:
        schema_field = candidates[0]
        number_format = "unix_ms" if _is_long(schema_field) else "unix"
        example = "iso8601" if _kind(schema_field) == "str" else number_format
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
    if not _OTHER_TIMES.isdisjoint(words_of(schema_field.names[-1])):
        return False
    return {avro_type.measure for avro_type in resolved.avro_types} == {"instant"}


def _has_time_name(schema_field: SchemaField) -> bool:
    words = words_of(schema_field.names[-1])
    named = bool(words) and (
        words[-1] in _TIME_WORDS | _PAST
        or words[-1] in _SUFFIX_UNITS
        or bool(_TIME_SUFFIX.search(words[-1]))
    )
    if not _OTHER_TIMES.isdisjoint(words) or personal_by_name(schema_field.names, "") is not None:
        return False
    is_number = _kind(schema_field) == "int" or _holds_seconds(schema_field)
    return named and len(schema_field.names) <= 3 and (is_number or _kind(schema_field) == "str")


def _kind(schema_field: SchemaField) -> str | None:
    form = schema_field.single
    return None if form is None or form.symbols is not None else form.kind


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
    if observed_field.unit is not None:
        return observed_field.unit, reason
    return ("unix", "by name and type") if _holds_seconds(schema_field) else (None, "")


def _holds_seconds(schema_field: SchemaField) -> bool:
    """Whether the type is usual for seconds: an int has no room for more, a double a fraction."""
    form = schema_field.single
    return form is not None and (form.bits == 32 or form.measure == "double")


def _is_long(schema_field: SchemaField) -> bool:
    """Whether the type has room for times in milliseconds or finer."""
    form = schema_field.single
    return form is not None and form.bits == 64


def _time_rank(schema_field: SchemaField) -> int:
    words = words_of(schema_field.names[-1])
    return min(
        (_RANKED_TIME_WORDS.index(word) for word in words if word in _RANKED_TIME_WORDS),
        default=len(_RANKED_TIME_WORDS),
    )
