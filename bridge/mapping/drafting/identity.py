"""Guesses the user id and the event name of a draft."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.drafting.names import event_of
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.personal_data import personal_by_name, words_of
from bridge.mapping.drafting.schema_fields import SchemaField
from bridge.mapping.language.checks import EVENT_CHARS_MAX
from bridge.mapping.language.options import Options
from bridge.mapping.language.privacy import BUILT_IN, refusing_glob

SYMBOLS_MAX: Final = 60
"""Maximum number of symbols of an enum that becomes a table of event names."""

_USER_WORDS: Final = (
    *("user", "customer", "cust", "shopper", "buyer", "member", "client", "person", "player"),
    *("payer", "visitor", "purchaser", "owner", "subscriber", "guest", "cardholder", "patient"),
    *("employee", "profile", "party", "account"),
)
"""Words for the user, most likely first."""

_MAYBE_COMPANIES: Final = frozenset(("account", "party", "client", "owner"))
_ID_WORDS: Final = ("id", "uuid", "uid", "guid", "identifier")

_EVENT_NAMES: Final = ("event_type", "eventtype", "event", "event_name", "type", "status", "state")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for the mapping file, the path in it, and the reason for the choice."""

    form: str | Mapping[str, Any]
    path: str = ""
    why: str = ""


def choose_uid(
    schema_fields: Sequence[SchemaField],
    subject: str,
    observed: ObservedValues,
    options: Options,
) -> Choice:
    """Choose the field with the user id; if there is none, the record's key or a header.

    `subject` is the record's subject: the `id` of a `Customer` is a user id.
    """
    root = min((len(schema_field.names) for schema_field in schema_fields), default=0)
    globs = (*BUILT_IN, *options.never_send)
    ranked = []
    for schema_field in schema_fields:
        parent = _person_of(subject) if len(schema_field.names) == root else ()
        rank = _user_rank(schema_field, parent)
        if rank is not None and refusing_glob(schema_field.path, globs) is None:
            ranked.append((rank, len(schema_field.names), schema_field))
    if not ranked:
        return _no_uid(observed)
    ranked.sort(key=lambda candidate: candidate[:2])
    schema_field = ranked[0][2]
    why = "must be the id that the website passes to FS.identify"
    if not _MAYBE_COMPANIES.isdisjoint(words_of(schema_field.path)):
        why = f"CHECK THIS: it can be the id of a company; {why}"
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


def _person_of(subject: str) -> tuple[str, ...]:
    """The person that a record is about: that of `Customer` and `Customer Created`."""
    words = words_of(subject)
    person = words[:-1] if len(words) > 1 and words[-1].endswith("ed") else words
    return person if person and person[-1] in _USER_WORDS else ()


def _user_rank(schema_field: SchemaField, root_person: tuple[str, ...]) -> int | None:
    """The rank of a field as the user id (lower is more likely); None if it cannot be one.

    `root_person` is the person that the record is about, for a field at its root.
    """
    form = schema_field.single
    if form is None or form.symbols is not None or form.text is None:
        return None
    if form.kind not in ("str", "int"):
        return None
    words = words_of(schema_field.names[-1])
    parent_words = words_of(schema_field.names[-2]) if len(schema_field.names) > 1 else ()
    parent_words = root_person or parent_words
    *before, last = words or ("",)
    if words in (("uid",), ("userid",), ("customerid",)):
        return 0
    owner = None
    if last in (*_ID_WORDS, "ref", "no", "number") and (before or parent_words):
        owner = (before or parent_words)[-1]
    elif last in _USER_WORDS and not before:
        return 50 + _USER_WORDS.index(last)
    if owner not in _USER_WORDS or personal_by_name(schema_field.names, "") is not None:
        return None
    return _USER_WORDS.index(owner) + (0 if last in _ID_WORDS else 25)


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
