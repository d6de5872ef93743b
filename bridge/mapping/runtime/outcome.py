"""The outcome of one mapping for one record: an event, a skip or a reject.

Invariants: the values are ready for JSON; equal records and equal files give equal outcomes.
`MappingSkipped` and `MappingRejected` contain paths and fixed texts, never a value of the record.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

PropertyType = Literal[
    "str", "int", "real", "bool", "date", "strs", "ints", "reals", "bools", "dates"
]
"""FullStory's ten types; in API v1 they are the suffixes of the names."""

Atom = str | int | float | bool
NO_UID: Final = "no_uid"
Late = Literal["send", "send_without_session", "skip", "dead_letter"]


class Property(NamedTuple):
    """A property of an event. `value` is ready for JSON; dates are RFC 3339 text in UTC.

    A dotted `name`, such as `shipping.city`, makes objects.
    """

    name: str
    type: PropertyType
    value: Atom | list[Atom]


@dataclass(frozen=True, slots=True)
class Recent:
    """Attach to the user's most recent session."""


@dataclass(frozen=True, slots=True)
class NoSession:
    """Attach to no session."""


@dataclass(frozen=True, slots=True)
class SessionUrl:
    """Attach to the session with this address (API v1)."""

    url: str


@dataclass(frozen=True, slots=True)
class DeviceSession:
    """Attach to the session of this device (API v1)."""

    id: str


@dataclass(frozen=True, slots=True)
class SessionId:
    """Attach to the session with this id (API v2)."""

    id: str


Session = Recent | NoSession | SessionUrl | DeviceSession | SessionId


class Event(NamedTuple):
    """A custom event. `timestamp` is RFC 3339 in UTC with milliseconds and `Z`.

    `uid` is empty if the user is known only by the `session`, a `SessionId`.
    `shadow` events are counted and not sent. `late` says what to do if the event is older than the
    session window. `has_objects` says whether a property's name is dotted.
    """

    mapping: str
    uid: str
    name: str
    timestamp: str
    session: Session
    properties: tuple[Property, ...]
    user_initiated: bool | None = None
    integration: str | None = None
    shadow: bool = False
    late: Late = "send"
    has_objects: bool = False


@dataclass(frozen=True, slots=True)
class MappingSkipped:
    """The mapping matched, but its own rules say not to send an event."""

    mapping: str
    why: str


@dataclass(frozen=True, slots=True)
class MappingRejected:
    """The mapping matched, but the record cannot be mapped to an event.

    `reason` is a stable identifier in snake_case, `path` the field as written in the mapping file.
    `halt` stops the mapping's topics until somebody acts (`on_error: halt`).
    """

    mapping: str
    reason: str
    message: str
    path: str | None = None
    halt: bool = False


Outcome = Event | MappingSkipped | MappingRejected
