"""A custom event as a request of API v2.

Sources: FullStory's references of `POST /v2/events` (names without suffix, types in `schema`,
one form of identification: a user, a user's most recent session, or a session) and of
idempotent requests (one key for one body, for 24 hours).

Invariants: the key is derived from the record's place, the mapping and the body. The same event has
the same key for ever, from whichever process and in whichever replay it is sent: what FullStory
took once it takes no second time. An event that a mended mapping makes of the record has another
body and so another key: it is a new request, where the old key would be an error.
"""

import hashlib
import uuid
from typing import Any

import orjson

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request, checked_name, checked_value
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    NoSession,
    Recent,
    SessionId,
    SessionUrl,
)
from bridge.records import Record

PATH = "/v2/events"


def build_v2(event: Event, record: Record, cluster: str) -> Request:
    """The request of API v2 for an event of a record; `cluster` is the id of Kafka's cluster.

    Raises:
        PoisonRecord: FullStory would refuse the event for its size, or v2 cannot say it.
    """
    body: dict[str, Any] = {"name": event.name, **_whose(event), "timestamp": event.timestamp}
    if event.properties:
        body["properties"] = {
            checked_name(found.name, found.name): checked_value(found) for found in event.properties
        }
        body["schema"] = {"properties": {found.name: found.type for found in event.properties}}
    written = orjson.dumps(body)
    return Request("POST", PATH, written, _key(cluster, record, event.mapping, written))


def _whose(event: Event) -> dict[str, Any]:
    """One form of identification: with two FullStory answers 400."""
    user = {"user": {"uid": event.uid}}
    match event.session:
        case Recent():
            return {**user, "session": {"use_most_recent": True}}
        case NoSession():
            return user
        case SessionId(id):
            return {"session": {"id": id}}
        case SessionUrl() | DeviceSession():
            message = "API v2 knows a session by its id only"
            raise PoisonRecord(message, stage="build", reason="session_not_in_v2")


def _key(cluster: str, record: Record, mapping: str, body: bytes) -> str:
    """A UUID (version 8: of our own making, RFC 9562), since FullStory suggests UUIDs."""
    place = f"{cluster}\n{record.topic}\n{record.partition}\n{record.offset}\n{mapping}\n"
    digest = bytearray(hashlib.sha256(place.encode() + body).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))
