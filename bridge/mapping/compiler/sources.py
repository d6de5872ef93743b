"""One source of a property: a path or a template, combined with its converters.

Invariants: the result is ready for JSON and has one type. A type that cannot be sent is refused
here, with a fix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.mapping.compiler.converter_chain import ConverterChain
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import Representation, representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import DocumentPath, MappingFault, Within
from bridge.mapping.language.grammar import CONVERTERS, LongValue
from bridge.mapping.language.paths import Path
from bridge.mapping.language.privacy import GUESSABLE, refusing_glob
from bridge.mapping.language.templates import Placeholder, parse_template
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.avro_types import AvroType, Kind
from bridge.schema.conversions import Convert, Exact, MappingError, exact_of_text

_FIXES: Final = {
    "record": "name one of its fields",
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
    chain = ConverterChain(representation, text)
    _apply_converters(chain, rule, _Place(at, scope, many=resolved.many))
    if chain.current.kind is None:
        raise _refused(chain.current, resolved)
    many = resolved.many
    missing = resolved.missing or (chain.can_become_missing and not many)
    if rule.max_items is not None and not many:
        message = f"`max_items` works on lists, but `{text}` is {representation.what}"
        with Within("max_items"):
            raise MappingFault(Code.NO_CONVERSION, message)
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


class _Place(NamedTuple):
    """The property that is compiled; `many` if its value is a list."""

    at: DocumentPath
    scope: MappingScope
    many: bool


def _apply_converters(chain: ConverterChain, rule: LongValue, place: _Place) -> None:
    for name in CONVERTERS:
        if name in _APPLY and getattr(rule, name) is not None:
            with Within(name):
                _APPLY[name](chain, rule, place)
    if rule.redact is None and rule.hash is None:
        chain.refuse_cards()


def _apply_case(chain: ConverterChain, rule: LongValue, _: _Place) -> None:
    if rule.case is not None:
        chain.case(rule.case)


def _apply_values(chain: ConverterChain, rule: LongValue, _: _Place) -> None:
    if rule.values is not None:
        chain.table(rule.values, rule.else_)


def _apply_scale(chain: ConverterChain, rule: LongValue, place: _Place) -> None:
    chain.scale(_factor(rule, place.at, place.scope))


def _apply_type(chain: ConverterChain, rule: LongValue, place: _Place) -> None:
    if rule.type is None:
        return
    if rule.type.endswith("s") and not place.many:
        message = f"`{rule.type}` is for lists, but `{chain.path}` is not a list"
        raise MappingFault(Code.NO_CONVERSION, message, f"write `{rule.type[:-1]}`")
    chain.to_type(singular(rule.type), rule.format, rule.zone)


def _apply_format(chain: ConverterChain, rule: LongValue, _: _Place) -> None:
    if rule.type is None:  # a type reads `format` and `zone` itself
        chain.to_time(rule.format, rule.zone)


def _apply_zone(chain: ConverterChain, rule: LongValue, _: _Place) -> None:
    if rule.type is None and rule.format is None:
        chain.to_time(None, rule.zone)


def _apply_redact(chain: ConverterChain, rule: LongValue, _: _Place) -> None:
    if rule.redact is not None:
        chain.redact(rule.redact)


def _apply_hash(chain: ConverterChain, rule: LongValue, place: _Place) -> None:
    if rule.hash == "sha256" and refusing_glob(chain.path, GUESSABLE) is not None:
        message = f"a plain hash of `{chain.path}` can be reversed by guessing"
        fault = MappingFault(Code.HASH_WEAK, message, "use `hmac-sha256`")
        place.scope.diagnostics.add(fault, (*place.at, "hash"), warning=True)
    if rule.hash is not None:
        chain.hash(rule.hash, place.scope.options.hash_key)


_APPLY: Final[Mapping[str, Callable[[ConverterChain, LongValue, _Place], None]]] = {
    "case": _apply_case,
    "values": _apply_values,
    "scale": _apply_scale,
    "type": _apply_type,
    "format": _apply_format,
    "zone": _apply_zone,
    "redact": _apply_redact,
    "hash": _apply_hash,
}
"""How each converter is applied; `count` and `max_items` concern the whole list."""


def _factor(rule: LongValue, at: DocumentPath, scope: MappingScope) -> Exact:
    """The factor exactly as written, without rounding it to a double."""
    document = scope.diagnostics.document
    written = document.written((*scope.diagnostics.base, *at, "scale")) or repr(rule.scale)
    try:
        return exact_of_text(written)
    except MappingError:
        return exact_of_text(repr(rule.scale))


def _count(resolved: ResolvedPath) -> PropertySource:
    measures = {avro_type.measure for avro_type in resolved.avro_types}
    if not resolved.many and measures != {"map"}:
        what = " or ".join(avro_type.what for avro_type in resolved.avro_types)
        message = f"`count` counts the items of a list or map, but `{resolved.path.text}` is {what}"
        raise MappingFault(Code.NO_CONVERSION, message)
    text = resolved.path.text
    return PropertySource(text, resolved.read, len, "int", many=False, missing=resolved.missing)


def _refused(representation: Representation, resolved: ResolvedPath) -> MappingFault:
    text = resolved.path.text
    code = Code.NEEDS_FORMAT if representation.measure == "local" else Code.REFUSED_TYPE
    fix = _FIXES.get(representation.measure or "")
    if resolved.many and representation.measure == "record":
        fix = f"name a field of its items, such as {text}[*].x, or use `count: true`"
    kind = f"an array of {representation.what}" if resolved.many else representation.what
    if representation.measure is None:
        fix = "use `type:` to convert it to one type"
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


def resolve_template(template: str, scope: MappingScope) -> ResolvedPath:
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
            pieces.append(_text_reader(resolved))
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
