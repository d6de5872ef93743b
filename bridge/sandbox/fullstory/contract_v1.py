"""What FullStory's v1 `customevent` accepts according to its public contract.

Invariants: pure. A refusal names the rule and the property's name or position, never a value.
Undocumented cases (a query, empty objects, duplicate session fields) are refused, so that the
bridge never relies on them.

Sources: the endpoint's page "Set User Events", and the help page "Client API Requirements" for
names and suffixes.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

EVENT_NAME_MAX = 250
PROPERTY_NAME_MAX = 512
UID_MAX = 256
BODY_BYTES_MAX = 512 * 1024

_PATH = re.compile(r"/users/v1/individual/((?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2})+)/customevent")
_PROPERTY = re.compile(
    r"[A-Za-z][A-Za-z0-9_]*_(str|int|real|date|bool|strs|ints|reals|dates|bools)", re.ASCII
)
_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339, section 5.6
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SESSION_FIELDS = ("session_url", "use_recent_session", "device_session")


def is_time(value: object) -> bool:
    """Whether the value is an RFC 3339 date-time with a valid date."""
    if type(value) is not str or _TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_str(value: object) -> bool:
    return type(value) is str


def _is_nonempty_str(value: object) -> bool:
    return type(value) is str and value != ""


def is_event_name(value: object) -> bool:
    """Whether the value is a string of 1 to 250 characters."""
    return type(value) is str and 1 <= len(value) <= EVENT_NAME_MAX


def _is_bool(value: object) -> bool:
    return type(value) is bool


def _is_true(value: object) -> bool:
    return value is True


def _is_int(value: object) -> bool:
    return type(value) is int and _INT64_MIN <= value <= _INT64_MAX


def _is_real(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _list_of(is_valid: Callable[[object], bool]) -> Callable[[object], bool]:
    def all_valid(value: object) -> bool:
        return type(value) is list and all(map(is_valid, value))

    return all_valid


TYPES: dict[str, Callable[[object], bool]] = {
    "str": _is_str,
    "int": _is_int,
    "real": _is_real,
    "date": is_time,
    "bool": _is_bool,
    "strs": _list_of(_is_str),
    "ints": _list_of(_is_int),
    "reals": _list_of(_is_real),
    "dates": _list_of(is_time),
    "bools": _list_of(_is_bool),
}
_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "event_name": (is_event_name, f"a string of 1 to {EVENT_NAME_MAX} characters"),
    "timestamp": (is_time, "an RFC 3339 date-time with an offset"),
    "session_url": (_is_nonempty_str, "a non-empty string"),
    "device_session": (_is_nonempty_str, "a non-empty string"),
    "use_recent_session": (_is_true, "true or absent: the server treats false as true"),
    "user_initiated": (_is_bool, "a boolean"),
    "integration": (_is_nonempty_str, "a non-empty string"),
}


def uid_of(raw_path: str) -> str | None:
    """The uid in a raw request path; None unless it is one percent-encoded segment, no query.

    Reserved characters must be encoded. The decoded uid is UTF-8 of 1 to 256 characters. It is
    neither `.` nor `..`, because proxies may resolve these.
    """
    match = _PATH.fullmatch(raw_path)
    if match is None:
        return None
    try:
        uid = unquote_to_bytes(match[1]).decode()
    except UnicodeDecodeError:
        return None
    return uid if len(uid) <= UID_MAX and uid not in {".", ".."} else None


def refusal(body: bytes) -> str | None:
    """Why this body is refused; None if it is valid."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the body is not JSON"
    if type(document) is not dict or list(document) != ["event"]:
        return "the body must be an object with exactly one field, event"
    event = document["event"]
    if type(event) is not dict:
        return "event must be an object"
    return _event_refusal(event)


def _event_refusal(event: dict[str, Any]) -> str | None:
    if "event_name" not in event:
        return "event.event_name is required"
    for field, value in event.items():
        problem = _field_refusal(field, value)
        if problem is not None:
            return problem
    if sum(field in event for field in _SESSION_FIELDS) > 1:
        return f"at most one of {', '.join(_SESSION_FIELDS)}"
    return None


def _field_refusal(field: str, value: object) -> str | None:
    if field == "event_data":
        return _data_refusal(value)
    rule = _FIELDS.get(field)
    if rule is None:
        return f"unknown field event.{field}"
    is_valid, expected = rule
    return None if is_valid(value) else f"event.{field} must be {expected}"


def _data_refusal(data: object) -> str | None:
    return _object_refusal(data, "") if type(data) is dict else "event_data must be an object"


def _object_refusal(data: dict[str, Any], prefix: str) -> str | None:
    """The dotted whole of a name counts towards the limit; an object's own name has no suffix."""
    for name, value in data.items():
        path = prefix + name
        match = (_OBJECT if type(value) is dict else _PROPERTY).fullmatch(name)
        if match is None or len(path) > PROPERTY_NAME_MAX:
            return f"event_data: the name {path} is invalid or has none of the ten suffixes"
        if type(value) is not dict:
            problem = None if TYPES[match[1]](value) else "does not match the type of its suffix"
            problem = problem and f"event_data: the value of {path} {problem}"
        elif _PROPERTY.fullmatch(name) or not value:
            what = "ends in a type" if value else "is empty"
            problem = f"event_data: the object {path} {what}"
        else:
            problem = _object_refusal(value, f"{path}.")
        if problem is not None:
            return problem
    return None
