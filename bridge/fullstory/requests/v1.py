"""Builds a custom event as a request of API v1.

Source: FullStory's reference of `POST /users/v1/individual/{uid}/customevent`, where a property's
name ends in its type. An object's name has no type.
"""

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import orjson

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request, checked_name, checked_value, with_objects
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

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_.~-]+")
"""Text that `quote` would not change; `quote` takes longer than everything else here."""


def build_v1(event: Event) -> Request:
    """The request of API v1 for an event.

    Raises:
        PoisonRecord: the event is too large for FullStory, or v1 does not support its session.
    """
    data = {_name(found.name, found.type): checked_value(found) for found in event.properties}
    body: dict[str, Any] = {
        "event_name": event.name,
        "event_data": with_objects(data) if event.has_objects else data,
        "timestamp": event.timestamp,
        **_session(event.session),
    }
    if event.user_initiated is not None:
        body["user_initiated"] = event.user_initiated
    if event.integration is not None:
        body["integration"] = event.integration
    uid = event.uid if _UNRESERVED.fullmatch(event.uid) else quote(event.uid, safe="")
    path = f"/users/v1/individual/{uid}/customevent"
    return Request("POST", path, orjson.dumps({"event": body}))


@lru_cache(maxsize=10_000)
def _name(name: str, type_: PropertyType) -> str:
    """A property's name with its type; cached, since the events of a mapping repeat few names."""
    return checked_name(f"{name}_{type_}", name)


def _session(session: Session) -> dict[str, Any]:
    """At most one field: FullStory treats even `use_recent_session: false` as true."""
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
            message = "API v1 does not support a session id"
            raise PoisonRecord(message, stage="build", reason="session_not_in_v1")
