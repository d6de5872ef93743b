"""Whose event it is, what it is called, when it happened and which session it belongs to.

Invariants: each part is compiled to one closure over a record and its decoded value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bridge.mapping.compiler.converter_chain import ConverterChain
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.language.checks import EVENT_CHARS_MAX
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault, Within
from bridge.mapping.language.grammar import EventTable, LongTimestamp, LongUid, SessionPath
from bridge.mapping.language.templates import Hole, parse_template
from bridge.mapping.runtime.functions import ReadSession, ReadText, ReadUid
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    NoSession,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.conversions import Convert, MappingError

UID_CHARS_MAX = 256
"""FullStory refuses longer ids."""

NO_USERS: Final = frozenset({"", "null", "undefined", "0", "guest", "anonymous"})
"""Ids that stand for nobody: FullStory flags an id that many people share."""

_RECENT: Final = Recent()
_NONE: Final = NoSession()


@dataclass(frozen=True, slots=True)
class EventName:
    """How an event gets its name, and all the names that it can get."""

    read: ReadText
    names: tuple[str, ...]


def compile_uid(uid: LongUid, scope: MappingScope) -> ReadUid:
    """The closure that gives a record's user, or None where it has none.

    Raises:
        Fault: a path does not fit, or the user can be missing and nothing says what then.
    """
    texts = uid.first_of or (uid.path or "",)
    if uid.path is not None:
        with Within("path"):
            found = [scope.resolve(uid.path)]
    else:
        found = scope.resolve_all(texts)
    if all(located.missing for located in found) and not uid.optional:
        message = f"`{' or '.join(texts)}` can be missing"
        fix = "add `optional: true`: records without a user are skipped then"
        raise MappingFault(Code.CAN_BE_MISSING, message, fix)
    where = " or ".join(texts)
    reads = [_reader(located, _uid_text(located)) for located in found]

    def read(record: Record, value: Any) -> str | None:
        for one in reads:
            user = one(record, value)
            if user is not None and user.strip().casefold() not in NO_USERS:
                if len(user) > UID_CHARS_MAX or user in (".", ".."):
                    raise MappingError("invalid_uid", "no request can be made for this uid", where)
                return str(user)
        return None

    return read


def _uid_text(located: ResolvedPath) -> Convert | None:
    if not located.avro_types:
        return None
    form = representation_of(located.avro_types, located.path.text)
    if located.many or form.kind not in ("str", "int") or form.text is None:
        what = f"an array of {form.what}" if located.many else form.what
        message = f"`{located.path.text}` is {what}: a uid is text or a whole number"
        raise MappingFault(Code.UID_TYPE, message)
    return form.text


def compile_event(event: str | EventTable, scope: MappingScope) -> EventName:
    """The closure that gives an event's name.

    Raises:
        Fault: a path does not fit.
    """
    if isinstance(event, EventTable):
        return _table(event, scope)
    pieces = parse_template(event)
    if not any(isinstance(piece, Hole) for piece in pieces):
        name = str(pieces[0])
        return EventName(lambda _, __: name, (name,))
    reads: list[str | Reader] = []
    symbols: list[tuple[str, ...]] = []
    for piece in pieces:
        if isinstance(piece, str):
            reads.append(piece)
            symbols.append((piece,))
        else:
            read, known = _enum(piece.path, scope)
            reads.append(read)
            symbols.append(known)
    names = tuple("".join(parts) for parts in product(*symbols))
    if max(map(len, names)) > EVENT_CHARS_MAX:
        message = f"this can become a name of more than {EVENT_CHARS_MAX} characters"
        raise MappingFault(Code.EVENT_NAME, message)

    def name_of(record: Record, value: Any) -> str:
        return "".join(
            part if isinstance(part, str) else str(part(record, value)) for part in reads
        )

    return EventName(name_of, names)


def _enum(text: str, scope: MappingScope) -> tuple[Reader, tuple[str, ...]]:
    located = scope.resolve(text)
    _refuse_missing_name(located)
    form = representation_of(located.avro_types, text)
    known = (located.constant,) if located.constant is not None else form.symbols
    if known is None or located.many:
        message = f"`{text}` is {form.what}: a name can be made of enums only"
        raise MappingFault(
            Code.TEMPLATE, message, "a table of names has an end: `{path:, values:}`"
        )
    return _reader(located, None), known


def _table(event: EventTable, scope: MappingScope) -> EventName:
    with Within("path"):
        located = scope.resolve(event.path)
        _refuse_missing_name(located)
    chain = ConverterChain(representation_of(located.avro_types, event.path), event.path)
    with Within("values"):
        names = chain.keys(event.values)
    convert = chain.build()
    read = _reader(located, convert)
    path = event.path

    def name_of(record: Record, value: Any) -> str:
        name = names.get(read(record, value))
        if name is None:
            raise MappingError("unlisted_event", f"no name is listed for this `{path}`", path)
        return str(name)

    return EventName(name_of, tuple(dict.fromkeys(event.values.values())))


def _refuse_missing_name(located: ResolvedPath) -> None:
    if located.missing:
        text = located.path.text
        message = f"`{text}` can be missing, and then the event has no name"
        raise MappingFault(Code.CAN_BE_MISSING, message, f"filter for `{text}: [{{exists: true}}]`")


def compile_time(timestamp: LongTimestamp, scope: MappingScope) -> ReadText:
    """The closure that gives the event's time as RFC 3339 in UTC.

    Raises:
        Fault: the path does not fit, or is no time.
    """
    find = _time(timestamp, scope)
    fall_back = _time(LongTimestamp(path="$timestamp"), scope) if timestamp.optional else None
    text = timestamp.path

    def read(record: Record, value: Any) -> str:
        found = find(record, value)
        if found is None and fall_back is not None:
            found = fall_back(record, value)
        if found is None:
            raise MappingError("missing_timestamp", f"`{text}` is missing", text)
        return str(found)

    return read


def _time(timestamp: LongTimestamp, scope: MappingScope) -> Reader:
    with Within("path"):
        located = scope.resolve(timestamp.path)
    if located.missing and not timestamp.optional:
        message = f"`{timestamp.path}` can be missing"
        fix = "add `optional: true`: the record's own time counts then"
        raise MappingFault(Code.CAN_BE_MISSING, message, fix)
    if not located.avro_types:
        return located.read
    chain = ConverterChain(representation_of(located.avro_types, timestamp.path), timestamp.path)
    if located.many:
        message = f"`{timestamp.path}` is an array of {chain.form.what}: an event has one time"
        raise MappingFault(Code.REFUSED_TYPE, message)
    with Within("format" if timestamp.format else "path"):
        chain.to_time(timestamp.format, timestamp.zone)
    return _reader(located, chain.build())


def compile_session(session: str | SessionPath, scope: MappingScope) -> ReadSession:
    """The closure that says which session an event belongs to.

    Raises:
        Fault: the path does not fit, or is no text.
    """
    if isinstance(session, str):
        fixed: Session = _RECENT if session == "recent" else _NONE
        return lambda _, __: fixed
    make: Callable[[str], Session] = SessionId
    if session.url is not None:
        make = SessionUrl
    elif session.device is not None:
        make = DeviceSession
    text = session.url or session.device or session.id or ""
    with Within("url" if session.url else "device" if session.device else "id"):
        located = scope.resolve(text)
    if located.missing and not session.optional:
        message = f"`{text}` can be missing"
        fix = "add `optional: true`: the event is sent without a session then"
        raise MappingFault(Code.CAN_BE_MISSING, message, fix)
    if located.avro_types and (
        located.many or representation_of(located.avro_types, text).kind != "str"
    ):
        message = f"`{text}` is {located.avro_types[0].what}: a session is named by text"
        raise MappingFault(Code.REFUSED_TYPE, message)
    find = _reader(located, None)

    def read(record: Record, value: Any) -> Session:
        found = find(record, value)
        return make(str(found)) if found else _NONE

    return read


def _reader(located: ResolvedPath, convert: Convert | None) -> Reader:
    """Reads one place; errors learn its path here."""
    read, text = located.read, located.path.text

    def find(record: Record, value: Any) -> Any:
        try:
            raw = read(record, value)
            return raw if raw is None or convert is None else convert(raw)
        except MappingError as error:
            error.path = text
            raise

    return find
