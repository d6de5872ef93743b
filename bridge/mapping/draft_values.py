"""What a draft proposes for one place of a schema: a property, or a reason to leave it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.mapping.findings import Fault
from bridge.mapping.forms import Form, form_of
from bridge.mapping.locate import Located
from bridge.mapping.options import Options
from bridge.mapping.personal import BY_LOOK, Guard, Personal, personal_by_name, words_of
from bridge.mapping.places import Spot
from bridge.mapping.privacy import BUILT_IN, refusing_glob
from bridge.mapping.sightings import EVERY, Seen, Sightings

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
class Line:
    """One drafted property."""

    target: str
    form: str | Mapping[str, Any]
    why: str = ""


def propose(spot: Spot, record: str, sightings: Sightings, options: Options) -> Proposal:
    """What to do with a place."""
    located = spot.located
    if isinstance(located, str):
        return Proposal(None, located)
    measures = {leaf.measure for leaf in located.leaves}
    if located.many and measures & {"record", "list", "map"}:
        why = "how many; a field of them: " + f"{spot.path}[*].NAME"
        return Proposal(_long(spot, located, {"count": True}), why, "count")
    if "map" in measures:
        return Proposal(None, _UNSENDABLE["map"].format(path=spot.path))
    try:
        form = form_of(located.leaves, spot.path)
    except Fault as fault:
        return Proposal(None, fault.message)
    seen = sightings.at((*spot.names, EVERY) if located.many else spot.names)
    personal = _personal(spot, record, form, seen)
    if personal is None and {"session", "url"} <= set(words_of(spot.names[-1])):
        return Proposal(None, f"`session: {{url: {spot.path}}}` would attach events to it")
    glob = refusing_glob(spot.path, (*BUILT_IN, *options.never_send))
    if personal is None and glob is not None:
        personal = Personal(f"may never leave in clear (`{glob}`)", "mask")
    if personal is not None:
        return _guarded(spot, located, form, personal, options)
    return _open(spot, located, form, sightings)


def _personal(spot: Spot, record: str, form: Form, seen: Seen) -> Personal | None:
    """What a value is of a person, and how that is known; true, false and enums never are."""
    if form.kind == "bool" or form.symbols is not None:
        return None
    by_name = personal_by_name(spot.names, record)
    if by_name is not None:
        return replace(by_name, what=f"{by_name.what}, by name")
    look = seen.personal
    return None if look is None else replace(BY_LOOK[look], what=f"{BY_LOOK[look].what}, by look")


def _guarded(
    spot: Spot, located: Located, form: Form, personal: Personal, options: Options
) -> Proposal:
    why = personal.what
    if personal.guard == "leave":
        return Proposal(None, why)
    if form.text is None:
        return Proposal(None, f"{why}; {form.what} cannot be made unreadable")
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if located.many else {}
    return Proposal(_long(spot, located, {**converters, **_guard(personal.guard, options)}), why)


def _guard(guard: Guard, options: Options) -> dict[str, str]:
    """A hash where there is a key for it: a plain one is undone by trying all that are likely."""
    if guard == "hash" and options.hash_key:
        return {"hash": "hmac-sha256"}
    return {"redact": "last4" if guard == "last4" else "mask"}


def _open(spot: Spot, located: Located, form: Form, sightings: Sightings) -> Proposal:
    converters: dict[str, Any] = {"max_items": ITEMS_MAX} if located.many else {}
    why = ""
    names: tuple[str, ...] = ()
    words = words_of(spot.names[-1])
    if form.kind is None:
        if form.measure in _UNSENDABLE or form.text is None:
            return Proposal(None, _UNSENDABLE.get(form.measure or "", form.what))
        converters["type"] = "str"
        why = form.what
    elif spot.logical == "debezium-zoned-timestamp":
        converters["type"] = "date"
    elif form.kind == "int" and words[-1] in ("cents", "cent") and not located.many:
        converters["scale"] = 0.01
        why = "in cents, by name"
        shorter = "_".join(words[:-1])
        names = (*spot.names[:-1], shorter) if shorter else ()
    if sightings.missing(spot.names) and not sightings.at(spot.names).values:
        why = f"{why}; " * bool(why) + "always null so far"
    return Proposal(_long(spot, located, converters), why, names=names)


def _long(spot: Spot, located: Located, converters: Mapping[str, Any]) -> str | Mapping[str, Any]:
    """The short form where it says all, else the long one."""
    form = {"path": spot.path, **converters}
    if located.missing:
        form["optional"] = True
    return spot.path if len(form) == 1 else form
