"""What a draft proposes for one place of a schema: a property, or a reason to leave it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import Representation, representation_of
from bridge.mapping.drafting.observed_values import EVERY, ObservedField, ObservedValues
from bridge.mapping.drafting.personal_data import (
    BY_LOOK,
    Guard,
    PersonalData,
    personal_by_name,
    words_of,
)
from bridge.mapping.drafting.schema_fields import SchemaField
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.options import Options
from bridge.mapping.language.privacy import BUILT_IN, refusing_glob

ITEMS_MAX: Final = 20
"""Of a drafted list."""

_UNSENDABLE: Final = {
    "map": 'a map: name its keys, as {path}["key"]',
    "bytes": "bytes: `type: str` if they are UTF-8 text",
    "fixed": "bytes: `type: str` gives them in hexadecimal",
    "duration": "a duration",
    "local": "a time without its zone: `type: date, zone: Europe/Berlin` says which",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """`form` is a property's short or long form, None to leave it out; `why` says why so.

    `end` is a word behind the property's name, `names` the path it is named after, where not
    after its own.
    """

    form: str | Mapping[str, Any] | None
    why: str = ""
    end: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftedProperty:
    """One drafted property."""

    target: str
    form: str | Mapping[str, Any]
    why: str = ""


def propose(
    schema_field: SchemaField, record: str, observed: ObservedValues, options: Options
) -> Proposal:
    """What to do with a place."""
    located = schema_field.located
    if isinstance(located, str):
        return Proposal(None, located)
    measures = {avro_type.measure for avro_type in located.avro_types}
    if located.many and measures & {"record", "list", "map"}:
        why = "how many; a field of them: " + f"{schema_field.path}[*].NAME"
        return Proposal(_long(schema_field, located, {"count": True}), why, "count")
    if "map" in measures:
        return Proposal(None, _UNSENDABLE["map"].format(path=schema_field.path))
    try:
        form = representation_of(located.avro_types, schema_field.path)
    except MappingFault as fault:
        return Proposal(None, fault.message)
    seen = observed.at((*schema_field.names, EVERY) if located.many else schema_field.names)
    personal = _personal(schema_field, record, form, seen)
    if personal is None and {"session", "url"} <= set(words_of(schema_field.names[-1])):
        return Proposal(None, f"`session: {{url: {schema_field.path}}}` would attach events to it")
    glob = refusing_glob(schema_field.path, (*BUILT_IN, *options.never_send))
    if personal is None and glob is not None:
        personal = PersonalData(f"may never leave in clear (`{glob}`)", "mask")
    if personal is not None:
        return _guarded(schema_field, located, form, personal, options)
    return _open(schema_field, located, form, observed)


def _personal(
    schema_field: SchemaField, record: str, form: Representation, seen: ObservedField
) -> PersonalData | None:
    """What a value is of a person, and how that is known; true, false and enums never are."""
    if form.kind == "bool" or form.symbols is not None:
        return None
    by_name = personal_by_name(schema_field.names, record)
    if by_name is not None:
        return replace(by_name, what=f"{by_name.what}, by name")
    look = seen.personal
    return None if look is None else replace(BY_LOOK[look], what=f"{BY_LOOK[look].what}, by look")


def _guarded(
    schema_field: SchemaField,
    located: ResolvedPath,
    form: Representation,
    personal: PersonalData,
    options: Options,
) -> Proposal:
    why = personal.what
    if personal.guard == "leave":
        return Proposal(None, why)
    if form.text is None:
        return Proposal(None, f"{why}; {form.what} cannot be made unreadable")
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if located.many else {}
    return Proposal(
        _long(schema_field, located, {**converters, **_guard(personal.guard, options)}), why
    )


def _guard(guard: Guard, options: Options) -> dict[str, str]:
    """A hash where there is a key for it: a plain one is undone by trying all that are likely."""
    if guard == "hash" and options.hash_key:
        return {"hash": "hmac-sha256"}
    return {"redact": "last4" if guard == "last4" else "mask"}


def _open(
    schema_field: SchemaField, located: ResolvedPath, form: Representation, observed: ObservedValues
) -> Proposal:
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if located.many else {}
    why = ""
    names: tuple[str, ...] = ()
    words = words_of(schema_field.names[-1])
    if form.kind is None:
        if form.measure in _UNSENDABLE or form.text is None:
            return Proposal(None, _UNSENDABLE.get(form.measure or "", form.what))
        converters["type"] = "str"
        why = form.what
    elif schema_field.logical == "debezium-zoned-timestamp":
        converters["type"] = "date"
    elif form.kind == "int" and words[-1] in ("cents", "cent") and not located.many:
        converters["scale"] = 0.01
        why = "in cents, by name"
        shorter = "_".join(words[:-1])
        names = (*schema_field.names[:-1], shorter) if shorter else ()
    if observed.missing(schema_field.names) and not observed.at(schema_field.names).values:
        why = f"{why}; " * bool(why) + "always null so far"
    return Proposal(_long(schema_field, located, converters), why, names=names)


def _long(
    schema_field: SchemaField, located: ResolvedPath, converters: Mapping[str, Any]
) -> str | Mapping[str, Any]:
    """The short form where it says all, else the long one."""
    form = {"path": schema_field.path, **converters}
    if located.missing:
        form["optional"] = True
    return schema_field.path if len(form) == 1 else form
