"""The sources of a value: paths or a template, for a property combined with its converters.

Invariants: the result is ready for JSON and has one type. A type that cannot be sent is refused
here, with a fix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.mapping.compiler.aggregates import aggregate, aggregate_word
from bridge.mapping.compiler.converter_chain import ConverterChain
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import JSON, Representation, representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import DocumentPath, MappingFault, Within
from bridge.mapping.language.grammar.values import CONVERTERS, LongValue, Source
from bridge.mapping.language.paths import Path
from bridge.mapping.language.privacy import GUESSABLE, refusing_glob
from bridge.mapping.language.templates import Placeholder, parse_template
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.avro_types import AvroType, Kind
from bridge.schema.conversions import Convert, Exact, MappingError, exact_of_text

_FIXES: Final = {
    "record": "name one of its fields; a dotted property name, such as `address.city`, makes an"
    " object",
    "map": 'name a key, such as meta["x"], or use `count: true`',
    "list": "name its items, or use `count: true`",
    "bytes": "use `type: str` (if it is UTF-8 text) or `hash:`",
    "fixed": "use `type: str` (hexadecimal) or `hash:`",
    "time": "use `type: str` (10:15:30.000) or `type: int` (ticks since midnight)",
    "duration": "use `hash:`, or another field",
    "local": "add `zone:`, such as Europe/Berlin",
}


@dataclass(frozen=True, slots=True)
class PropertySource:
    """One source of a value: how to read it, and how to convert its raw value for sending.

    `missing`: it can be missing. `lossy`: a table without `else` can drop it, or items of its list.
    """

    text: str
    read: Reader
    convert: Convert | None
    kind: Kind
    many: bool
    missing: bool
    lossy: bool = False


def compile_source(
    resolved: ResolvedPath, rule: LongValue, at: DocumentPath, scope: MappingScope
) -> PropertySource | None:
    """Combine a resolved path with its converters; None if it is missing in every record.

    Raises:
        MappingFault: the path, or a converter, does not fit the schema.
    """
    if not resolved.avro_types:
        return None
    text = resolved.path.text
    if rule.count:
        with Within("count"):
            return _count(resolved)
    representation = representation_of(resolved.avro_types, text)
    word = aggregate_word(rule)
    if word is not None:
        with Within(word):
            resolved, representation = aggregate(word, resolved, representation)
    chain = ConverterChain(representation, text)
    _apply_converters(_Target(chain, rule, at, scope, resolved))
    if chain.current.kind is None:
        raise _refused(chain.current, resolved)
    many = resolved.many
    missing = resolved.missing or (chain.can_become_missing and not many)
    if rule.max_items is not None and not many:
        message = f"`max_items` works on lists, but `{text}` is {representation.what}"
        with Within("max_items"):
            raise MappingFault(Code.NO_CONVERSION, message, resolved.list_fix)
    convert = chain.build()
    if many:
        convert = _each(
            convert,
            nullable_items=resolved.nullable_items,
            lossy=chain.can_become_missing,
            max_items=rule.max_items,
        )
    return PropertySource(
        text, resolved.read, convert, chain.current.kind, many, missing, chain.can_become_missing
    )


class _Target(NamedTuple):
    """What a converter is applied to."""

    chain: ConverterChain
    rule: LongValue
    at: DocumentPath
    scope: MappingScope
    resolved: ResolvedPath


def _apply_converters(target: _Target) -> None:
    rule = target.rule
    for name in CONVERTERS:
        value = getattr(rule, name)
        if name in _APPLY and value is not None:
            with Within(name):
                _APPLY[name](value, target)
    if rule.redact is None and rule.hash is None:
        target.chain.refuse_cards()


def _apply_type(word: str, target: _Target) -> None:
    if word.endswith("s") and not target.resolved.many:
        message = f"`{word}` is for lists, but `{target.chain.path}` is not a list"
        fix = target.resolved.list_fix or f"write `{word[:-1]}`"
        raise MappingFault(Code.NO_CONVERSION, message, fix)
    target.chain.to_type(singular(word), target.rule.format, target.rule.zone)


def _apply_format(_: str, target: _Target) -> None:
    """Also applies `zone`; a `type` reads both by itself."""
    if target.rule.type is None:
        target.chain.to_time(target.rule.format, target.rule.zone)


def _apply_zone(_: str, target: _Target) -> None:
    if target.rule.format is None:
        _apply_format(_, target)


def _apply_hash(word: str, target: _Target) -> None:
    chain, scope = target.chain, target.scope
    if word == "sha256" and refusing_glob(chain.path, GUESSABLE) is not None:
        message = f"a plain hash of `{chain.path}` can be reversed by guessing"
        fault = MappingFault(Code.HASH_WEAK, message, "use `hmac-sha256`")
        scope.diagnostics.add(fault, (*target.at, "hash"), warning=True)
    chain.hash(word, scope.options.hash_key)


def _factor(target: _Target) -> Exact:
    """The factor exactly as written, without rounding it to a double."""
    diagnostics, scale = target.scope.diagnostics, repr(target.rule.scale)
    written = diagnostics.document.written((*diagnostics.base, *target.at, "scale")) or scale
    try:
        return exact_of_text(written)
    except MappingError:
        return exact_of_text(scale)


_APPLY: Final[Mapping[str, Callable[[Any, _Target], None]]] = {
    "case": lambda word, to: to.chain.case(word),
    "values": lambda values, to: to.chain.table(values, to.rule.else_),
    "scale": lambda _, to: to.chain.scale(_factor(to)),
    "type": _apply_type,
    "format": _apply_format,
    "zone": _apply_zone,
    "redact": lambda word, to: to.chain.redact(word),
    "hash": _apply_hash,
}
"""How each converter is applied; those that are not listed concern the whole list."""


def _count(resolved: ResolvedPath) -> PropertySource:
    measures = {avro_type.measure for avro_type in resolved.avro_types}
    if not resolved.many and measures != {"map"}:
        what = " or ".join(avro_type.what for avro_type in resolved.avro_types)
        message = f"`count` counts the items of a list or map, but `{resolved.path.text}` is {what}"
        raise MappingFault(Code.NO_CONVERSION, message, resolved.list_fix)
    text = resolved.path.text
    return PropertySource(text, resolved.read, len, "int", many=False, missing=resolved.missing)


def _refused(representation: Representation, resolved: ResolvedPath) -> MappingFault:
    text = resolved.path.text
    code = Code.NEEDS_FORMAT if representation.measure == "local" else Code.REFUSED_TYPE
    fix = _FIXES.get(representation.measure or "")
    if resolved.many and representation.measure == "record":
        fix = (
            "FullStory does not index arrays of objects: send a list for each field, such as"
            f" `{text}[*].x`, or use `count: true`"
        )
    kind = f"an array of {representation.what}" if resolved.many else representation.what
    if representation.measure is None:
        fix = "use `type:` to convert it to one type"
    if representation is JSON:
        fix = "no schema says its type: add `type:`, such as `type: str`"
    return MappingFault(code, f"`{text}` is {kind}: it cannot be sent as it is", fix)


def singular(word: str) -> Kind:
    """The type of a single value for a type that may be plural: `str` for `strs`."""
    kinds: dict[str, Kind] = {
        "str": "str",
        "int": "int",
        "real": "real",
        "bool": "bool",
        "date": "date",
    }
    return kinds[word if word in kinds else word[:-1]]


def _each(
    convert: Convert | None, *, nullable_items: bool, lossy: bool, max_items: int | None
) -> Convert | None:
    """Convert a list: drop nulls, keep at most `max_items`, convert each item."""
    if convert is None and not nullable_items and max_items is None:
        return None

    def change(items: list[Any]) -> list[Any]:
        found = [item for item in items if item is not None] if nullable_items else items
        if max_items is not None:
            found = found[:max_items]
        if convert is not None:
            found = [convert(item) for item in found]
        return [item for item in found if item is not None] if lossy else found

    return change


def resolve(
    source: Source, scope: MappingScope, each: Callable[[Reader], Reader] | None = None
) -> list[ResolvedPath]:
    """Resolve the paths of a source; a template is one path. `each` wraps the template's readers.

    Raises:
        MappingFault: a path does not fit.
    """
    if source.template is not None:
        with Within("template"):
            return [_resolve_template(source.template, scope, each)]
    if source.path is not None:
        with Within("path"):
            return [scope.resolve(source.path)]
    return scope.resolve_all(source.first_of or ())


def _resolve_template(
    template: str, scope: MappingScope, each: Callable[[Reader], Reader] | None
) -> ResolvedPath:
    """Resolve a template: it is text, and missing if any of its paths is missing.

    Raises:
        MappingFault: a path does not fit, is a list, or cannot be converted to text.
    """
    pieces: list[str | Reader] = []
    missing = False
    for piece in parse_template(template):
        if isinstance(piece, Placeholder):
            resolved = scope.resolve(piece.path)
            missing = missing or resolved.missing
            reader = _text_reader(resolved)
            pieces.append(reader if each is None else each(reader))
        else:
            pieces.append(piece)

    def read(record: Record, value: Any) -> str | None:
        texts = [piece if isinstance(piece, str) else piece(record, value) for piece in pieces]
        return None if None in texts else "".join(texts)

    avro_types = (AvroType("text", "text"),)
    return ResolvedPath(Path(template, "value"), avro_types, read, missing=missing)


def _text_reader(resolved: ResolvedPath) -> Reader:
    if not resolved.avro_types:
        return resolved.read
    representation = representation_of(resolved.avro_types, resolved.path.text)
    text = representation.text
    if resolved.many or text is None:
        path = resolved.path.text
        what = f"an array of {representation.what}" if resolved.many else representation.what
        fix = f"name one item, such as `{path}[0]`" if resolved.many else "name a field below it"
        raise MappingFault(Code.TEMPLATE, f"`{path}` is {what}: a template takes text", fix)
    read, convert = resolved.read, text

    def find(record: Record, value: Any) -> Any:
        raw = read(record, value)
        return None if raw is None else convert(raw)

    return find
