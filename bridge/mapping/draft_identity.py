"""What a draft takes for the user, the event's name and its time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.draft_names import event_of
from bridge.mapping.findings import Fault
from bridge.mapping.forms import form_of
from bridge.mapping.identity import EVENT_CHARS_MAX
from bridge.mapping.locate import Located
from bridge.mapping.options import Options
from bridge.mapping.personal import personal_by_name, words_of
from bridge.mapping.places import Spot
from bridge.mapping.privacy import BUILT_IN, refusing_glob
from bridge.mapping.rules import TimeFormat
from bridge.mapping.sightings import Sightings

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


def choose_uid(spots: Sequence[Spot], sightings: Sightings, options: Options) -> Choice:
    """The place that names a user; without one the record's key or a header, as a question."""
    globs = (*BUILT_IN, *options.never_send)
    ranked = []
    for spot in spots:
        rank = _user_rank(spot)
        if rank is not None and refusing_glob(spot.path, globs) is None:
            ranked.append((rank, len(spot.names), spot))
    if not ranked:
        return _no_uid(sightings)
    ranked.sort(key=lambda one: one[:2])
    spot = ranked[0][2]
    why = "must be the id that the web site gives to FS.identify"
    seen = sightings.at(spot.names)
    if nulls := sightings.missing(spot.names):
        why += f"; null in {nulls} of {nulls + seen.values} records, which are skipped"
    if len(ranked) > 1:
        others = ", ".join(other.path for _, __, other in ranked[1:4])
        why += f"; or is it {others}?"
    missing = isinstance(spot.located, Located) and spot.located.missing
    form = {"path": spot.path, "optional": True} if missing else spot.path
    return Choice(form, spot.path, why)


def _no_uid(sightings: Sightings) -> Choice:
    by_key = sightings.text_keys == sightings.records
    path = "$key" if by_key else "$headers.x-user-id"
    why = "LOOK HERE: no field looks like the user's id, and the record's key rarely is one"
    if not by_key:
        why = "LOOK HERE: no field looks like the user's id; a header may carry it"
    return Choice({"path": path, "optional": True}, path, why)


def _user_rank(spot: Spot) -> int | None:
    """How likely a place names the user, the smaller the likelier; None where it does not."""
    located = spot.located
    if isinstance(located, str) or located.many:
        return None
    try:
        form = form_of(located.leaves, spot.path)
    except Fault:
        return None
    if form.kind not in ("str", "int") or form.symbols is not None or form.text is None:
        return None
    words = words_of(spot.names[-1])
    above = words_of(spot.names[-2]) if len(spot.names) > 1 else ()
    *before, last = words or ("",)
    if words in (("uid",), ("userid",), ("customerid",)):
        return 0
    who = None
    if last in ("id", "uuid", "uid", "ref", "no", "number") and (before or above):
        who = (before or above)[-1]
    elif last in _USERS and not before:
        return 50 + _USERS.index(last)
    if who not in _USERS or personal_by_name(spot.names, "") is not None:
        return None
    return _USERS.index(who) + (0 if last in ("id", "uuid", "uid") else 25)


def choose_event(spots: Sequence[Spot], subject: str, *, created: bool = False) -> Choice:
    """A table over an enum that says what happened, else the record's name."""
    if created:
        return Choice(f"{subject} Created", why="what happened, in the words of the business")
    ranked = sorted(
        (rank, len(spot.names), number)
        for number, spot in enumerate(spots)
        if (rank := _event_rank(spot)) is not None
    )
    if not ranked:
        why = "the record's name: say what happened, in the words of the business"
        return Choice(subject[:EVENT_CHARS_MAX], why=why)
    spot = spots[ranked[0][2]]
    symbols = spot.located.leaves[0].symbols if isinstance(spot.located, Located) else ()
    values = {symbol: event_of(subject, symbol)[:EVENT_CHARS_MAX] for symbol in symbols}
    why = f"to leave some out, filter: {{{spot.path}: [{symbols[0]}]}}; do not strike names out"
    return Choice({"path": spot.path, "values": values}, spot.path, why)


def _event_rank(spot: Spot) -> int | None:
    located = spot.located
    if isinstance(located, str) or located.missing or located.many or len(located.leaves) != 1:
        return None
    leaf = located.leaves[0]
    if leaf.measure != "enum" or not 0 < len(leaf.symbols) <= SYMBOLS_MAX or len(spot.names) > 2:
        return None
    words = words_of(spot.names[-1])
    name = "_".join(words)
    if name in _NAMED and not (len(spot.names) > 1 and name == "type"):
        return _NAMED.index(name)
    return len(_NAMED) if words and words[-1] in ("status", "state") else None


def choose_time(spots: Sequence[Spot], outer: Sequence[Spot], sightings: Sightings) -> Choice:
    """When it happened: a time by its type, else one by name and look, else the record's own."""
    of_source = [spot for spot in outer if spot.names == ("source", "ts_ms") and _is_long(spot)]
    if of_source and outer is not spots:
        path = of_source[0].path
        return _timed(of_source[0], {"path": path, "format": "unix_ms"}, "the change of the row")
    typed = sorted(
        (_time_rank(spot), len(spot.names), number)
        for number, spot in enumerate(spots)
        if _is_instant(spot)
    )
    if typed:
        spot = spots[typed[0][2]]
        others = ", ".join(spots[number].path for _, __, number in typed[1:4])
        return _timed(spot, {"path": spot.path}, f"or is it {others}?" if others else "")
    doubtful = [spot for spot in spots if _names_a_time(spot)]
    for spot in sorted(doubtful, key=lambda one: (_time_rank(one), len(one.names))):
        format_, why = _format_of(spot, sightings)
        if format_ is not None:
            return _timed(spot, {"path": spot.path, "format": format_}, why)
    why = "when the record was written"
    if doubtful:
        spot = doubtful[0]
        example = "iso8601" if _kind(spot) == "str" else "unix_ms"
        why += f"; or, if that is its form: {{path: {spot.path}, format: {example}}}"
    return Choice("$timestamp", "$timestamp", why)


def _timed(spot: Spot, form: dict[str, Any], why: str) -> Choice:
    missing = isinstance(spot.located, Located) and spot.located.missing
    if missing:
        form["optional"] = True
        why = f"{why}; " * bool(why) + "where it is missing, the record's own time counts"
    return Choice(form if len(form) > 1 else spot.path, spot.path, why)


def _is_instant(spot: Spot) -> bool:
    located = spot.located
    if isinstance(located, str) or located.many or len(spot.names) > 3:
        return False
    return {leaf.measure for leaf in located.leaves} == {"instant"}


def _names_a_time(spot: Spot) -> bool:
    words = words_of(spot.names[-1])
    named = bool(words) and (
        words[-1] in _TIME_WORDS or words[-1] in _SUFFIX_UNITS or bool(_TIME_ENDS.search(words[-1]))
    )
    if personal_by_name(spot.names, "") is not None:
        return False
    return named and len(spot.names) <= 3 and _kind(spot) in ("str", "int")


def _kind(spot: Spot) -> str | None:
    located = spot.located
    if isinstance(located, str) or located.many:
        return None
    try:
        form = form_of(located.leaves, spot.path)
    except Fault:
        return None
    return form.kind if form.symbols is None else None


def _format_of(spot: Spot, sightings: Sightings) -> tuple[TimeFormat | None, str]:
    """The form of a time that the schema does not tell, and how it is known."""
    if spot.logical == "debezium-zoned-timestamp":
        return "iso8601", "Debezium's time with an offset"
    seen = sightings.at(spot.names)
    looked_at = f"by the look of {seen.values} records"
    if _kind(spot) == "str":
        return ("iso8601", looked_at) if seen.all_are("time") else (None, "")
    unit = _SUFFIX_UNITS.get(words_of(spot.names[-1])[-1])
    if unit is not None and _is_long(spot):
        return unit, "by name"
    return (seen.unit, looked_at) if seen.unit is not None else (None, "")


def _is_long(spot: Spot) -> bool:
    """Whether times finer than seconds fit in."""
    return isinstance(spot.located, Located) and spot.located.leaves[0].what == "long"


def _time_rank(spot: Spot) -> int:
    words = words_of(spot.names[-1])
    return min((_TIMES.index(word) for word in words if word in _TIMES), default=len(_TIMES))
