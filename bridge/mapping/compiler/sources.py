"""One source of a property: a path or a template, with its converters put together.

Invariants: what comes out is ready for JSON and of one type; what the schema does not let be sent
is refused here, with the way out.
"""

from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.compiler.converter_chain import ConverterChain
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import Representation, representation_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import DocumentPath, MappingFault, Within
from bridge.mapping.language.grammar import LongValue
from bridge.mapping.language.paths import Path
from bridge.mapping.language.privacy import GUESSABLE, refusing_glob
from bridge.mapping.language.templates import Hole, parse_template
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.avro_types import AvroType, Kind
from bridge.schema.conversions import Convert, Exact, MappingError, exact_of_text

_FIXES: Final = {
    "record": "name a field below it",
    "map": 'name a key, as meta["x"], or `count: true`',
    "list": "name items of it, or `count: true`",
    "bytes": "`type: str` (if it is UTF-8 text) or `hash:`",
    "fixed": "`type: str` (hexadecimal) or `hash:`",
    "time": "`type: str` (10:15:30.000) or `type: int` (ticks since midnight)",
    "duration": "`hash:`, or another field",
    "local": "add `zone:`, as Europe/Berlin",
}


@dataclass(frozen=True, slots=True)
class PropertySource:
    """One place that a value comes from, with the way from its raw value to what is sent.

    `missing` says whether it can be missing, `lossy` whether a table without `else` is why.
    """

    text: str
    read: Reader
    convert: Convert | None
    kind: Kind
    many: bool
    missing: bool
    lossy: bool = False


def compile_source(
    located: ResolvedPath, rule: LongValue, at: DocumentPath, scope: MappingScope
) -> PropertySource | None:
    """One place of a value with its converters; None where it is missing in every record.

    Raises:
        Fault: the place, or a converter, does not fit the schema.
    """
    if not located.avro_types:
        return None
    text = located.path.text
    if rule.count:
        with Within("count"):
            return _count(located)
    form = representation_of(located.avro_types, text)
    chain = ConverterChain(form, text)
    _convert(chain, rule, at, scope, many=located.many)
    _protect(chain, rule, at, scope)
    if chain.form.kind is None:
        raise _refused(chain.form, located)
    many = located.many
    missing = located.missing or (chain.can_lose and not many)
    if rule.max_items is not None and not many:
        message = f"`max_items` shortens lists, and `{text}` is {form.what}"
        with Within("max_items"):
            raise MappingFault(Code.NO_CONVERSION, message)
    convert = chain.build()
    if many:
        convert = _each(convert, holes=located.holes, lossy=chain.can_lose, most=rule.max_items)
    return PropertySource(
        text, located.read, convert, chain.form.kind, many, missing, chain.can_lose
    )


def _convert(
    chain: ConverterChain, rule: LongValue, at: DocumentPath, scope: MappingScope, *, many: bool
) -> None:
    if rule.case is not None:
        with Within("case"):
            chain.case(rule.case)
    if rule.values is not None:
        with Within("values"):
            chain.table(rule.values, rule.else_)
    if rule.scale is not None:
        with Within("scale"):
            chain.scale(_factor(rule, at, scope))
    if rule.type is not None:
        with Within("type"):
            if rule.type.endswith("s") and not many:
                message = f"`{rule.type}` is for lists, and `{chain.where}` is none"
                raise MappingFault(Code.NO_CONVERSION, message, f"write `{rule.type[:-1]}`")
            chain.to_type(singular(rule.type), rule.format, rule.zone)
    elif rule.format is not None or rule.zone is not None:
        with Within("format" if rule.format is not None else "zone"):
            chain.to_time(rule.format, rule.zone)


def _protect(chain: ConverterChain, rule: LongValue, at: DocumentPath, scope: MappingScope) -> None:
    if rule.redact is not None:
        with Within("redact"):
            chain.redact(rule.redact)
    elif rule.hash is not None:
        if rule.hash == "sha256" and refusing_glob(chain.where, GUESSABLE) is not None:
            message = f"a plain hash of `{chain.where}` is undone by trying all that are likely"
            fault = MappingFault(Code.HASH_WEAK, message, "`hmac-sha256` cannot be")
            scope.diagnostics.add(fault, (*at, "hash"), warning=True)
        with Within("hash"):
            chain.hash(rule.hash, scope.options.hash_key)
    else:
        chain.refuse_cards()


def _factor(rule: LongValue, at: DocumentPath, scope: MappingScope) -> Exact:
    """The factor as it is written, not as a double holds it."""
    document = scope.diagnostics.document
    written = document.written((*scope.diagnostics.base, *at, "scale")) or repr(rule.scale)
    try:
        return exact_of_text(written)
    except MappingError:
        return exact_of_text(repr(rule.scale))


def _count(located: ResolvedPath) -> PropertySource:
    measures = {avro_type.measure for avro_type in located.avro_types}
    if not located.many and measures != {"map"}:
        what = " or ".join(avro_type.what for avro_type in located.avro_types)
        message = f"`count` counts the items of a list or map, and `{located.path.text}` is {what}"
        raise MappingFault(Code.NO_CONVERSION, message)
    text = located.path.text
    return PropertySource(text, located.read, len, "int", many=False, missing=located.missing)


def _refused(form: Representation, located: ResolvedPath) -> MappingFault:
    text = located.path.text
    code = Code.NEEDS_FORMAT if form.measure == "local" else Code.REFUSED_TYPE
    fix = _FIXES.get(form.measure or "")
    if located.many and form.measure == "record":
        fix = f"name a field of its items, as {text}[*].x, or `count: true`"
    kind = f"an array of {form.what}" if located.many else form.what
    if form.measure is None:
        fix = "`type:` makes it one"
    return MappingFault(code, f"`{text}` is {kind}: it cannot be sent as it is", fix)


def singular(word: str) -> Kind:
    """The type of one value of what may be a list: `strs` is `str`."""
    kinds: dict[str, Kind] = {
        "str": "str",
        "int": "int",
        "real": "real",
        "bool": "bool",
        "date": "date",
    }
    return kinds[word if word in kinds else word[:-1]]


def _each(convert: Convert | None, *, holes: bool, lossy: bool, most: int | None) -> Convert | None:
    """For lists: without nulls, at most so many, each item converted."""
    if convert is None and not holes and most is None:
        return None

    def change(items: list[Any]) -> list[Any]:
        found = [item for item in items if item is not None] if holes else items
        if most is not None:
            found = found[:most]
        if convert is not None:
            found = [convert(item) for item in found]
        return [item for item in found if item is not None] if lossy else found

    return change


def resolve_template(template: str, scope: MappingScope) -> ResolvedPath:
    """A template as one place: text, missing where any of its paths is.

    Raises:
        Fault: a path does not fit, or is a list, or has no text.
    """
    pieces: list[str | Reader] = []
    missing = False
    for piece in parse_template(template):
        if isinstance(piece, Hole):
            located = scope.resolve(piece.path)
            missing = missing or located.missing
            pieces.append(_text_reader(located))
        else:
            pieces.append(piece)

    def read(record: Record, value: Any) -> str | None:
        texts = [piece if isinstance(piece, str) else piece(record, value) for piece in pieces]
        return None if None in texts else "".join(texts)

    avro_types = (AvroType("text", "text"),)
    return ResolvedPath(Path(template, "value"), avro_types, read, missing=missing)


def _text_reader(located: ResolvedPath) -> Reader:
    if not located.avro_types:
        return located.read
    form = representation_of(located.avro_types, located.path.text)
    text = form.text
    if located.many or text is None:
        what = f"an array of {form.what}" if located.many else form.what
        message = f"`{located.path.text}` is {what}: a template takes text"
        raise MappingFault(Code.TEMPLATE, message)
    read, convert = located.read, text

    def find(record: Record, value: Any) -> Any:
        raw = read(record, value)
        return None if raw is None else convert(raw)

    return find
