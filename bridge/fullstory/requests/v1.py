"""A custom event as a request of API v1.

Source of the form: FullStory's reference of `POST /users/v1/individual/{uid}/customevent`; a
property's name ends in its type there.
"""

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import orjson

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request, checked_name, checked_value
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    NoSession,
    PropertyType,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]+")
"""Text that `quote` leaves as it is, and takes longer over than everything else here."""


def build_v1(event: Event) -> Request:
    """The request of API v1 for an event.

    Raises:
        PoisonRecord: FullStory would refuse the event for its size, or v1 cannot say it.
    """
    body: dict[str, Any] = {
        "event_name": event.name,
        "event_data": {
            _name(found.name, found.type): checked_value(found) for found in event.properties
        },
        "timestamp": event.timestamp,
        **_session(event.session),
    }
    if event.user_initiated is not None:
        body["user_initiated"] = event.user_initiated
    if event.integration is not None:
        body["integration"] = event.integration
    uid = event.uid if _PLAIN.fullmatch(event.uid) else quote(event.uid, safe="")
    path = f"/users/v1/individual/{uid}/customevent"
    return Request("POST", path, orjson.dumps({"event": body}))


@lru_cache(maxsize=10_000)
def _name(name: str, type_: PropertyType) -> str:
    """The same few names in every event of a mapping."""
    return checked_name(f"{name}_{type_}", name)


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
