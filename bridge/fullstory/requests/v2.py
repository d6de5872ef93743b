"""Builds a custom event as a request of API v2.

Sources: FullStory's references of `POST /v2/events` (names without suffix, types in `schema` by
dotted path, one form of identification: a user, a user's most recent session, or a session) and of
idempotent requests (one key for one body, for 24 hours); FullStory's client for Node.js, for the
header `Integration-Source`.

Invariants: the idempotency key is derived from the record's position, the mapping and the body. An
event always has the same key, in every process and every replay, so FullStory does not apply it
twice. If a fixed mapping builds another event from the record, its body differs and so does its
key. It is a new request; with the old key it would be an error.
"""

import hashlib
import uuid
from typing import Any

import orjson

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request, checked_name, checked_value, with_objects
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
        PoisonRecord: the event is too large for FullStory, or v2 does not support its session.
    """
    body: dict[str, Any] = {
        "name": event.name,
        **_identity(event),
        "timestamp": event.timestamp,
    }
    if event.properties:
        values = {
            checked_name(found.name, found.name): checked_value(found) for found in event.properties
        }
        body["properties"] = with_objects(values) if event.has_objects else values
        body["schema"] = {"properties": {found.name: found.type for found in event.properties}}
    body_bytes = orjson.dumps(body)
    key = _key(cluster, record, event.mapping, body_bytes)
    return Request("POST", PATH, body_bytes, key, event.integration)


def _identity(event: Event) -> dict[str, Any]:
    """One form of identification: FullStory responds to two with 400."""
    user = {"user": {"uid": event.uid}}
    match event.session:
        case Recent():
            return {**user, "session": {"use_most_recent": True}}
        case NoSession():
            return user
        case SessionId(id):
            return {"session": {"id": id}}
        case SessionUrl() | DeviceSession():
            message = "API v2 supports a session only by its id"
            raise PoisonRecord(message, stage="build", reason="session_not_in_v2")


def _key(cluster: str, record: Record, mapping: str, body: bytes) -> str:
    """A UUID of version 8 (custom, RFC 9562), since FullStory suggests UUIDs."""
    position = f"{cluster}\n{record.topic}\n{record.partition}\n{record.offset}\n{mapping}\n"
    digest = bytearray(hashlib.sha256(position.encode() + body).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))
