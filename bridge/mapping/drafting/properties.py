"""Proposes a property for a field of a schema, or a reason to omit it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import Representation, representation_of
from bridge.mapping.drafting.observed_values import EVERY_ITEM, ObservedField, ObservedValues
from bridge.mapping.drafting.personal_data import (
    PERSONAL_FORMATS,
    PersonalData,
    Protection,
    personal_by_name,
    words_of,
)
from bridge.mapping.drafting.schema_fields import SchemaField
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.options import Options
from bridge.mapping.language.privacy import BUILT_IN, refusing_glob

ITEMS_MAX: Final = 20
"""Maximum number of items of a drafted list."""

_UNSENDABLE: Final = {
    "map": 'a map: use its keys, such as {path}["key"]',
    "bytes": "{what}: use `type: str` if they are UTF-8 text",
    "fixed": "{what}: use `type: str` to send it as hexadecimal",
    "duration": "a duration",
    "local": "a time without a zone: add one, such as `type: date, zone: Europe/Berlin`",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """`form` is a property's short or long form, or None to omit it; `why` is the reason.

    `suffix` is appended to the property's name. `names` is the path for the name, if it is not
    the field's own path.
    """

    form: str | Mapping[str, Any] | None
    why: str = ""
    suffix: str = ""
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
    """Make the proposal for a field."""
    resolved = schema_field.resolved
    if isinstance(resolved, str):
        return Proposal(None, resolved)
    measures = {avro_type.measure for avro_type in resolved.avro_types}
    if resolved.many and measures & {"record", "list", "map"}:
        why = f"the number of items; {schema_field.path}[*].NAME is a field of the items"
        return Proposal(_property_form(schema_field, resolved, {"count": True}), why, "count")
    if "map" in measures:
        return Proposal(None, _UNSENDABLE["map"].format(path=schema_field.path))
    try:
        form = representation_of(resolved.avro_types, schema_field.path)
    except MappingFault as fault:
        return Proposal(None, fault.message)
    observed_field = observed.at(
        (*schema_field.names, EVERY_ITEM) if resolved.many else schema_field.names
    )
    personal = _personal_data(schema_field, record, form, observed_field)
    if personal is None and {"session", "url"} <= set(words_of(schema_field.names[-1])):
        return Proposal(None, f"`session: {{url: {schema_field.path}}}` adds events to the session")
    glob = refusing_glob(schema_field.path, (*BUILT_IN, *options.never_send))
    if personal is None and glob is not None:
        personal = PersonalData(f"must not be sent in clear text (`{glob}`)", "mask")
    if personal is not None:
        return _protected_property(schema_field, resolved, form, personal, options)
    return _plain_property(schema_field, resolved, form, observed)


def _personal_data(
    schema_field: SchemaField, record: str, form: Representation, observed_field: ObservedField
) -> PersonalData | None:
    """The personal data in a field, and how it was recognized; a boolean has none."""
    if form.kind == "bool":
        return None
    by_name = personal_by_name(schema_field.names, record)
    if by_name is not None and (form.symbols is None or by_name.protection == "omit"):
        return replace(by_name, what=f"{by_name.what}, by name")
    format_ = observed_field.personal
    if format_ is None:
        return None
    by_format = PERSONAL_FORMATS[format_]
    return replace(by_format, what=f"{by_format.what}, by format")


def _protected_property(
    schema_field: SchemaField,
    resolved: ResolvedPath,
    form: Representation,
    personal: PersonalData,
    options: Options,
) -> Proposal:
    why = personal.what
    if personal.protection == "omit":
        return Proposal(None, why)
    if form.text is None:
        return Proposal(None, f"{why}; {form.what} cannot be redacted")
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if resolved.many else {}
    return Proposal(
        _property_form(
            schema_field,
            resolved,
            {**converters, **_protection_converter(personal.protection, options)},
        ),
        why,
    )


def _protection_converter(protection: Protection, options: Options) -> dict[str, str]:
    """A hash if there is a key, because a hash without a key can be reversed by guessing."""
    if protection == "hash" and options.hash_key:
        return {"hash": "hmac-sha256"}
    return {"redact": "last4" if protection == "last4" else "mask"}


def _plain_property(
    schema_field: SchemaField,
    resolved: ResolvedPath,
    form: Representation,
    observed: ObservedValues,
) -> Proposal:
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if resolved.many else {}
    why = ""
    names: tuple[str, ...] = ()
    words = words_of(schema_field.names[-1])
    if form.kind is None:
        if form.measure in _UNSENDABLE or form.text is None:
            return Proposal(
                None, _UNSENDABLE.get(form.measure or "", "{what}").format(what=form.what)
            )
        converters["type"] = "str"
        why = form.what
    elif schema_field.logical == "debezium-zoned-timestamp":
        converters["type"] = "date"
    elif form.kind == "int" and words[-1] in ("cents", "cent") and not resolved.many:
        converters["scale"] = 0.01
        why = "in cents, by name"
        shorter = "_".join(words[:-1])
        names = (*schema_field.names[:-1], shorter) if shorter else ()
    if observed.missing(schema_field.names) and not observed.at(schema_field.names).values:
        why = f"{why}; " * bool(why) + "null in all observed records"
    return Proposal(_property_form(schema_field, resolved, converters), why, names=names)


def _property_form(
    schema_field: SchemaField, resolved: ResolvedPath, converters: Mapping[str, Any]
) -> str | Mapping[str, Any]:
    """The short form if the path is enough, otherwise the long form."""
    form = {"path": schema_field.path, **converters}
    if resolved.missing:
        form["optional"] = True
    return schema_field.path if len(form) == 1 else form
