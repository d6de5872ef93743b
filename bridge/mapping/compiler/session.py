"""An event's session: the most recent one, none, or one that the record names.

Invariants: an id that stands for nobody is missing, as for a user.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import JSON, representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.compiler.sources import resolve
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault, Within
from bridge.mapping.language.grammar.values import SessionSource
from bridge.mapping.runtime.functions import ReadSession
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    NoSession,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)
from bridge.mapping.runtime.placeholder_ids import unless_placeholder
from bridge.mapping.runtime.readers import Reader, converting_reader, first_found
from bridge.records import Record
from bridge.schema.conversions import MappingError

_RECENT: Final = Recent()
_NONE: Final = NoSession()
SESSION_ID_CHARS_MAX = 256
"""FullStory rejects longer ids."""

_ID: Final = r"([A-Za-z0-9-]+)(?::|%3[Aa])([A-Za-z0-9-]+)"
"""A device and its session, numbers or UUIDs; FullStory's page encodes the colon."""

_SESSION_ID: Final = re.compile(_ID)
_SESSION_URL: Final = re.compile(rf"/(?:client-)?session/{_ID}")
"""What follows is the moment in the session, or a query."""


def compile_session(session: str | SessionSource, scope: MappingScope) -> ReadSession:
    """The closure that returns the session of an event.

    Raises:
        MappingFault: a path does not fit, or its value is not text.
    """
    if isinstance(session, str):
        fixed: Session = _RECENT if session == "recent" else _NONE
        return lambda _, __: fixed
    ((name, source),) = session.sources.items()
    with Within(name):
        sources = resolve(source, scope, each=unless_placeholder)
        reads = [unless_placeholder(_text_reader(resolved)) for resolved in sources]
    if all(resolved.missing for resolved in sources) and not session.optional:
        fix = "add `optional: true` to send the event without a session"
        raise MappingFault(Code.CAN_BE_MISSING, f"`{source.text}` can be missing", fix)
    find, make = first_found(reads), _maker(name, source.text)

    def read(record: Record, value: Any) -> Session:
        found = find(record, value)
        return _NONE if found is None else make(found)

    return read


def _maker(name: str, path: str) -> Callable[[str], Session]:
    if name == "url":
        return SessionUrl
    return DeviceSession if name == "device" else lambda text: _session_id(text, path)


def _session_id(text: str, path: str) -> SessionId:
    """A session by its id, or by its URL, which is what programs have at hand.

    FullStory documents the form of the id, and the two forms of the URL without a promise.
    """
    found = _SESSION_ID.fullmatch(text) or _SESSION_URL.search(text)
    if found is None or len(found[1]) + len(found[2]) >= SESSION_ID_CHARS_MAX:
        message = "this is neither a session id, `device:session`, nor the URL of a session"
        raise MappingError("invalid_session", message, path)
    return SessionId(f"{found[1]}:{found[2]}")


def _text_reader(resolved: ResolvedPath) -> Reader:
    if not resolved.avro_types:
        return resolved.read
    text = resolved.path.text
    representation = representation_of(resolved.avro_types, text)
    if resolved.many or (representation.kind != "str" and representation is not JSON):
        what = f"an array of {representation.what}" if resolved.many else representation.what
        message = f"`{text}` is {what}: a session is identified by text"
        raise MappingFault(Code.REFUSED_TYPE, message)
    return converting_reader(resolved.read, representation.text, text)
