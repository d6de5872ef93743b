"""An event's user, name and timestamp.

Invariants: each part is compiled into one closure over a record and its decoded value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bridge.mapping.compiler.converter_chain import ConverterChain
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import JSON, identity, representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.compiler.sources import resolve
from bridge.mapping.language.checks import EVENT_CHARS_MAX
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault, Within
from bridge.mapping.language.grammar.values import EventTable, LongTimestamp, LongUid
from bridge.mapping.language.privacy import hasher
from bridge.mapping.language.templates import Placeholder, parse_template
from bridge.mapping.runtime.functions import ReadText, ReadUid
from bridge.mapping.runtime.placeholder_ids import is_placeholder, unless_placeholder
from bridge.mapping.runtime.readers import Reader, converting_reader, first_found
from bridge.records import Record
from bridge.schema.conversions import Convert, MappingError
from bridge.schema.json_values import id_of_json

INVALID_UID: Final = "invalid_uid"
UID_CHARS_MAX = 256
"""FullStory rejects longer ids."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
"""No id of a user contains them, but binary keys do: `FS.identify` cannot have sent this one."""


@dataclass(frozen=True, slots=True)
class EventName:
    """Reads an event's name, and all names that are possible."""

    read: ReadText
    names: tuple[str, ...]


def compile_uid(uid: LongUid, scope: MappingScope) -> ReadUid:
    """The closure that returns a record's user id, or None if it has none.

    Raises:
        MappingFault: a path does not fit, or the user can be missing and is not optional.
    """
    # In a template, `shop:guest` would still be many people.
    sources = resolve(uid, scope, each=unless_placeholder)
    path = uid.text
    if all(resolved.missing for resolved in sources) and not uid.optional:
        fix = "add `optional: true` to skip records without a user"
        raise MappingFault(Code.CAN_BE_MISSING, f"`{path}` can be missing", fix)
    reads = [_reader(resolved, _uid_text(resolved, uid)) for resolved in sources]
    change = _uid_change(uid, scope)

    def read(record: Record, value: Any) -> str | None:
        for read_user in reads:
            try:
                user = read_user(record, value)
            except MappingError as error:
                raise _invalid_if_binary(error, path) from None
            if user is not None and not is_placeholder(user):
                if change is not None:
                    user = change(user)
                if len(user) > UID_CHARS_MAX or user in (".", "..") or _has_control(user):
                    raise MappingError(INVALID_UID, "this uid cannot be sent to FullStory", path)
                return str(user)
        return None

    return read


def _uid_change(uid: LongUid, scope: MappingScope) -> Callable[[str], str] | None:
    if uid.hash is not None:
        with Within("hash"):
            return hasher(uid.hash, scope.options.hash_key)
    if uid.case is not None:
        return str.upper if uid.case == "upper" else str.lower
    return None


def _has_control(user: str) -> bool:
    return not user.isprintable() and _CONTROL.search(user) is not None


def _invalid_if_binary(error: MappingError, path: str) -> MappingError:
    """A binary key or header is an invalid uid; any other error stays as it is."""
    if error.reason != "not_text":
        return error
    return MappingError(INVALID_UID, error.message, error.path or path)


def _uid_text(resolved: ResolvedPath, uid: LongUid) -> Convert | None:
    if not resolved.avro_types:
        return None
    representation = representation_of(resolved.avro_types, resolved.path.text)
    if representation is JSON and not resolved.many:
        return id_of_json
    if resolved.many or representation.kind not in ("str", "int") or representation.text is None:
        what = f"an array of {representation.what}" if resolved.many else representation.what
        message = f"`{resolved.path.text}` is {what}: a uid is text or a whole number"
        raise MappingFault(Code.UID_TYPE, message)
    if uid.case is not None:
        with Within("case"):
            ConverterChain(representation, resolved.path.text).case(uid.case)
    return None if representation.text is identity else representation.text


def compile_event(event: str | EventTable, scope: MappingScope) -> EventName:
    """The closure that returns an event's name.

    Raises:
        MappingFault: a path does not fit.
    """
    if isinstance(event, EventTable):
        return _table(event, scope)
    pieces = parse_template(event)
    if not any(isinstance(piece, Placeholder) for piece in pieces):
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
        message = f"the name can exceed {EVENT_CHARS_MAX} characters"
        raise MappingFault(Code.EVENT_NAME, message)

    def name_of(record: Record, value: Any) -> str:
        return "".join(
            part if isinstance(part, str) else str(part(record, value)) for part in reads
        )

    return EventName(name_of, names)


def _enum(text: str, scope: MappingScope) -> tuple[Reader, tuple[str, ...]]:
    resolved = scope.resolve(text)
    _refuse_missing_name(resolved)
    representation = representation_of(resolved.avro_types, text)
    known = (resolved.constant,) if resolved.constant is not None else representation.symbols
    if known is None or resolved.many:
        message = f"`{text}` is {representation.what}: event names can contain only enums"
        raise MappingFault(Code.TEMPLATE, message, "use a table of names: `{path:, values:}`")
    return _reader(resolved, None), known


def _table(event: EventTable, scope: MappingScope) -> EventName:
    with Within("path"):
        resolved = scope.resolve(event.path)
        _refuse_missing_name(resolved)
    chain = ConverterChain(representation_of(resolved.avro_types, event.path), event.path)
    with Within("values"):
        names = chain.typed_keys(event.values)
    convert = chain.build()
    read = _reader(resolved, convert)
    path = event.path

    def name_of(record: Record, value: Any) -> str:
        name = names.get(read(record, value))
        if name is None:
            raise MappingError("unlisted_event", f"the table has no name for this `{path}`", path)
        return str(name)

    return EventName(name_of, tuple(dict.fromkeys(event.values.values())))


def _refuse_missing_name(resolved: ResolvedPath) -> None:
    if resolved.missing:
        text = resolved.path.text
        message = f"`{text}` can be missing, and then the event has no name"
        fix = f"add the filter `{text}: [{{exists: true}}]`"
        raise MappingFault(Code.CAN_BE_MISSING, message, fix)


def compile_time(timestamp: LongTimestamp, scope: MappingScope) -> ReadText:
    """The closure that returns the event's time as RFC 3339 in UTC.

    Raises:
        MappingFault: a path does not fit, or its value is not a time.
    """
    sources = resolve(timestamp, scope)
    text = timestamp.text
    if all(resolved.missing for resolved in sources) and not timestamp.optional:
        fix = "add `optional: true` to use the record's own timestamp instead"
        raise MappingFault(Code.CAN_BE_MISSING, f"`{text}` can be missing", fix)
    only_times = all(map(_is_time, sources))
    finds = [
        _time(resolved, timestamp, as_it_is=_is_time(resolved) and not only_times)
        for resolved in sources
    ]
    if timestamp.optional:
        kafka = scope.resolve("$timestamp")
        finds.append(_time(kafka, timestamp, as_it_is=True))
    find = first_found(finds)

    def read(record: Record, value: Any) -> str:
        found = find(record, value)
        if found is None:
            raise MappingError("missing_timestamp", f"`{text}` is missing", text)
        return str(found)

    return read


def _is_time(resolved: ResolvedPath) -> bool:
    """Whether the schema says that it is a time: it takes neither `format` nor `zone`."""
    types = resolved.avro_types
    return bool(types) and representation_of(types, resolved.path.text).kind == "date"


def _time(resolved: ResolvedPath, timestamp: LongTimestamp, *, as_it_is: bool) -> Reader:
    """Reads one source; `as_it_is` if `format` and `zone` are for the other sources."""
    if not resolved.avro_types:
        return resolved.read
    text = resolved.path.text
    chain = ConverterChain(representation_of(resolved.avro_types, text), text)
    if resolved.many:
        message = f"`{text}` is an array of {chain.current.what}: an event has one time"
        raise MappingFault(Code.REFUSED_TYPE, message)
    if not as_it_is:
        with Within("format" if timestamp.format else "path"):
            chain.to_time(timestamp.format, timestamp.zone)
    return _reader(resolved, chain.build())


def _reader(resolved: ResolvedPath, convert: Convert | None) -> Reader:
    return converting_reader(resolved.read, convert, resolved.path.text)
