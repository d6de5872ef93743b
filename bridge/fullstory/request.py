"""A custom event as the request that carries it, byte for byte the same each time.

Laws: a request is built once and sent unchanged at every try. Keys stand in one fixed order,
properties in the order of the mapping file. Source of the form: FullStory's reference of
`POST /users/v1/individual/{uid}/customevent`; a property's name ends in its type there.
"""

from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from bridge.errors import PoisonRecord
from bridge.mapping.outcome import (
    DeviceSession,
    Event,
    NoSession,
    Property,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)

VALUE_BYTES_MAX = 8192
"""Of one property's value in UTF-8: stated for properties of users, assumed for events."""

NAME_CHARS_MAX = 512
"""Of a property's name with its suffix."""

_CHARS_SURELY_SMALL: Final = VALUE_BYTES_MAX // 4


class Request(NamedTuple):
    """What is sent. `path` is percent-encoded already; `idempotency_key` is v2's only."""

    method: str
    path: str
    body: bytes
    idempotency_key: str | None = None


def build_v1(event: Event) -> Request:
    """The request of API v1 for an event.

    Raises:
        PoisonRecord: FullStory would refuse the event for its size, or v1 cannot say it.
    """
    body: dict[str, Any] = {
        "event_name": event.name,
        "event_data": {_name(found): _value(found) for found in event.properties},
        "timestamp": event.timestamp,
        **_session(event.session),
    }
    if event.user_initiated is not None:
        body["user_initiated"] = event.user_initiated
    if event.integration is not None:
        body["integration"] = event.integration
    path = f"/users/v1/individual/{quote(event.uid, safe='')}/customevent"
    return Request("POST", path, orjson.dumps({"event": body}))


def _session(session: Session) -> dict[str, Any]:
    """At most one field: FullStory takes even `use_recent_session: false` for true."""
    match session:
        case Recent():
            return {"use_recent_session": True}
        case NoSession():
            return {}
        case SessionUrl(url):
            return {"session_url": url}
        case DeviceSession(id):
            return {"device_session": id}
        case SessionId():
            message = "API v1 knows no session by its id"
            raise PoisonRecord(message, stage="build", reason="session_not_in_v1")


def _name(found: Property) -> str:
    name = f"{found.name}_{found.type}"
    if len(name) > NAME_CHARS_MAX:
        message = f"the name has {len(name)} characters with its suffix"
        raise PoisonRecord(message, stage="build", reason="name_too_long", path=found.name[:64])
    return name


def _value(found: Property) -> Any:
    value = found.value
    if isinstance(value, str):
        small = len(value) <= _CHARS_SURELY_SMALL or len(value.encode()) <= VALUE_BYTES_MAX
    elif isinstance(value, list):
        small = len(orjson.dumps(value)) <= VALUE_BYTES_MAX
    else:
        return value
    if not small:
        message = f"a value of `{found.name}` has more than {VALUE_BYTES_MAX} bytes"
        raise PoisonRecord(message, stage="build", reason="value_too_large", path=found.name)
    return value
