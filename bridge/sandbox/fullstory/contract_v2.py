"""What FullStory's `POST /v2/events` accepts according to its public contract.

Invariants: pure. A refusal names the rule and the property's name or position, never a value.
Names have no type suffix, types are in `schema` under FullStory's ten names, and there is one form
of identification. The bridge never sends `context` or page properties, so they are refused. Empty
objects and types of missing properties are refused, too.

Sources: FullStory's references of "Create events" and of custom properties, and its help page on
session ids for the server API.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from bridge.sandbox.fullstory.contract_v1 import (
    EVENT_NAME_MAX,
    PROPERTY_NAME_MAX,
    TYPES,
    UID_MAX,
    is_event_name,
    is_time,
)

PATH: Final = "/v2/events"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_SUFFIX = re.compile(rf".*_({'|'.join(TYPES)})")
_SESSION_ID = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9-]+", re.ASCII)
_UNDECLARED_TYPES: Final = ("str", "real", "bool", "strs", "reals", "bools")
"""The types that a value without a declared type may have."""


def refusal(body: bytes) -> str | None:
    """Why this body is refused; None if it is valid."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the body is not JSON"
    if type(event) is not dict:
        return "the body must be an object"
    if "name" not in event:
        return "name is required"
    for field, value in event.items():
        rule = _FIELDS.get(field)
        problem = f"unknown field {field}" if rule is None else rule(value)
        if problem is not None:
            return problem
    return _identification_problem(event) or _type_mismatch(event)


def uid_of(body: bytes) -> str:
    """The uid in an accepted body; empty if the event identifies a session instead of a user."""
    return str(orjson.loads(body).get("user", {}).get("uid", ""))


def _name(value: object) -> str | None:
    return None if is_event_name(value) else f"name must be 1 to {EVENT_NAME_MAX} characters"


def _timestamp(value: object) -> str | None:
    return None if is_time(value) else "timestamp must be an RFC 3339 date-time with an offset"


def _user(value: object) -> str | None:
    if not _is_single_string(value, ("uid", "id")):
        return f"user must have either uid or id, a string of 1 to {UID_MAX} characters"
    return None


def _session(value: Any) -> str | None:
    if value == {"use_most_recent": True} and value["use_most_recent"] is True:
        return None
    if not _is_single_string(value, ("id", "uid")):
        return "session must have exactly one of id, uid and use_most_recent: true"
    if _SESSION_ID.fullmatch(value.get("id", "a:b")) is None:
        return "session.id must be a device and a session with a colon between them"
    return None


def _is_single_string(value: object, names: tuple[str, ...]) -> bool:
    if type(value) is not dict or len(value) != 1:
        return False
    [(name, text)] = value.items()
    return name in names and type(text) is str and 1 <= len(text) <= UID_MAX


def _properties(value: object) -> str | None:
    return _object(value, "") if type(value) is dict else "properties must be an object"


def _object(properties: Mapping[str, Any], prefix: str) -> str | None:
    """The dotted whole of a name counts towards the limit."""
    for name, value in properties.items():
        path = prefix + name
        if _NAME.fullmatch(name) is None or len(path) > PROPERTY_NAME_MAX:
            return f"properties: the name {path} is invalid"
        if _SUFFIX.fullmatch(name) is not None:
            return f"properties: the name {path} ends in a type; v2 expects types in schema"
        if value == {}:
            return f"properties: the object {path} is empty"
        problem = _object(value, f"{path}.") if type(value) is dict else None
        if problem is not None:
            return problem
    return None


def _values(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values in objects within objects, each with its dotted path."""
    for name, value in properties.items():
        if type(value) is dict:
            yield from _values(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _schema(value: object) -> str | None:
    if type(value) is not dict or list(value) != ["properties"]:
        return "schema must be an object with exactly one field, properties"
    types = value["properties"]
    if type(types) is not dict:
        return "schema.properties must be an object"
    invalid = next((name for name, kind in types.items() if kind not in TYPES), None)
    return None if invalid is None else f"schema: {invalid} has none of the ten types"


def _identification_problem(event: Mapping[str, Any]) -> str | None:
    user, session = event.get("user"), event.get("session")
    if session is None:
        return None
    if "use_most_recent" in session:
        return None if user is not None else "use_most_recent requires a user"
    return None if user is None else "only one form of identification: a user, or a session"


def _type_mismatch(event: Mapping[str, Any]) -> str | None:
    properties = dict(_values(event.get("properties", {})))
    types = event.get("schema", {}).get("properties", {})
    undeclared = next((name for name in types if name not in properties), None)
    if undeclared is not None:
        return f"schema: there is no property {undeclared}"
    for name, value in properties.items():
        declared = (types[name],) if name in types else _UNDECLARED_TYPES
        if not any(TYPES[kind](value) for kind in declared):
            return f"properties: the value of {name} does not match its type"
    return None


_FIELDS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "name": _name,
    "user": _user,
    "session": _session,
    "timestamp": _timestamp,
    "properties": _properties,
    "schema": _schema,
}
