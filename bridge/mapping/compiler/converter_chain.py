"""The converters of a property, combined into one function when the mapping is compiled.

Invariants: converters run in a fixed order, whatever their order in the file: count or max_items,
case, values, scale, type, redact or hash. Each turns one `Representation` into another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bridge.documents.problems import suggest
from bridge.mapping.compiler.representation import (
    BOOL,
    DIGEST,
    DOUBLE,
    EXACT,
    INT,
    JSON,
    TEXT,
    TIME,
    Representation,
    identity,
)
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault, Within
from bridge.mapping.language.grammar.base import Scalar, TimeFormat
from bridge.mapping.language.privacy import byte_hasher, hasher, redactor, refuse_cards
from bridge.mapping.language.time_zones import zone_of
from bridge.schema.avro_types import Kind
from bridge.schema.conversions import (
    Convert,
    Exact,
    bool_of_text,
    exact_of_text,
    int64,
    int_of,
    local_time_of_ticks,
    time_of_exact,
    time_of_text,
)

UNIX_DIGITS: Final[dict[TimeFormat, int]] = {
    "unix": 0,
    "unix_ms": 3,
    "unix_us": 6,
    "unix_ns": 9,
}


class ConverterChain:
    """Functions that run one after the other, and the representation that they produce."""

    def __init__(self, source: Representation, path: str) -> None:
        self.current = source
        self.path = path
        self.can_become_missing = False
        """Whether a value can become missing, because a table has no `else`."""
        self._steps: list[Convert] = []

    def case(self, word: str) -> None:
        """Convert to upper or lower case."""
        self.to_text("case")
        change: Callable[[str], str] = str.upper if word == "upper" else str.lower
        symbols = self.current.symbols
        changed = None if symbols is None else tuple(map(change, symbols))
        self._append(change, replace(TEXT, symbols=changed))

    def table(self, values: Mapping[str, Scalar], other: Scalar | None) -> None:
        """Replace each value by another; `other` replaces all values that are not listed."""
        results = list(values.values()) + ([] if other is None else [other])
        kinds = {type(value) for value in results}
        if len(kinds) > 1:
            message = "the results of `values` and `else` have different types"
            raise MappingFault(Code.TABLE_TYPES, message, "write all as text, or all as numbers")
        table = self.typed_keys(values)
        symbols = self.current.symbols
        all_listed = symbols is not None and set(symbols) <= set(values)
        self.can_become_missing = other is None and not all_listed
        result = representation_of_scalar(results[0])
        if isinstance(results[0], str):
            result = replace(result, symbols=tuple(dict.fromkeys(map(str, results))))
        self._append(lambda value: table.get(value, other), result)

    def typed_keys(self, values: Mapping[str, Scalar]) -> Mapping[Any, Scalar]:
        """The table with its keys converted to the type of the value."""
        if self.current.kind == "int":
            return {self._parse_key(key, self._int_key): value for key, value in values.items()}
        if self.current.kind == "bool":
            return {self._parse_key(key, self._bool_key): value for key, value in values.items()}
        self.to_text("values")
        for key in values:
            if self.current.measure == "enum" and key not in (self.current.symbols or ()):
                message = f"{self.current.what} has no symbol `{key}`"
                with Within(key, key=True):
                    raise MappingFault(
                        Code.UNKNOWN_SYMBOL, message, suggest(key, self.current.symbols or ())
                    )
        return {**values}

    @staticmethod
    def _parse_key(key: str, parse: Callable[[str], int]) -> int:
        with Within(key, key=True):
            return parse(key)

    def scale(self, factor: Exact) -> None:
        """Multiply by an exact number; the result is a real."""
        exact = self.current.exact
        if exact is None:
            message = f"`scale` multiplies numbers, but `{self.path}` is {self.current.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        whole, digits = factor

        def multiply(value: object) -> Exact:
            unscaled, value_digits = exact(value)
            return unscaled * whole, value_digits + digits

        self._append(multiply, EXACT)

    def to_text(self, why: str) -> None:
        """Convert to text, for a converter that requires text."""
        text = self._text
        if text is None:
            message = f"`{why}` works on text, but `{self.path}` is {self.current.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        if self.current.final is not None:
            self._append(text, replace(TEXT, symbols=self.current.symbols))

    @property
    def _text(self) -> Convert | None:
        """The conversion to text of a value that is text, or may be text in JSON; else None."""
        may_be_text = self.current.kind == "str" or self.current is JSON
        return self.current.text if may_be_text else None

    def to_type(self, kind: Kind, format_: TimeFormat | None, zone: str | None) -> None:
        """Convert to another type, if a conversion exists."""
        if kind == "date":
            self.to_time(format_, zone)
        elif kind == "str":
            if self.current.text is None:
                raise self._not_convertible(kind)
            self._append(self.current.text, TEXT)
        elif kind != self.current.kind:
            self._to_other(kind)

    def _to_other(self, kind: Kind) -> None:
        text = self._text
        exact = self.current.exact or self.current.number or (text and _chain(text, exact_of_text))
        if kind == "int" and exact is not None:
            self._append(_chain(exact, int_of), INT)
        elif kind == "real" and exact is not None:
            self._append(exact, EXACT)
        elif kind == "bool" and text is not None:
            self._append(_chain(text, bool_of_text), BOOL)
        else:
            raise self._not_convertible(kind)

    def to_time(self, format_: TimeFormat | None, zone: str | None) -> None:
        """Convert to a time as RFC 3339 in UTC."""
        time_zone = zone_of(zone)
        current = self.current
        if current.kind == "date":
            self._refuse_format(format_, zone)
        elif current.measure == "local":
            if time_zone is None:
                message = f"`{self.path}` is a {current.what} without a time zone"
                raise MappingFault(Code.NEEDS_FORMAT, message, "add `zone:`, such as Europe/Berlin")
            self._append(local_time_of_ticks(current.digits, time_zone), TIME)
        elif self._text is not None and format_ in (None, "iso8601"):
            self._append(_chain(self._text, time_of_text(time_zone)), TIME)
        else:
            self._append(self._ticks(format_), TIME)

    def _ticks(self, format_: TimeFormat | None) -> Convert:
        current = self.current
        exact = current.exact
        if exact is None and self._text is not None:
            exact = _chain(self._text, exact_of_text)
        if exact is None or current.measure == "time":
            raise self._not_convertible("date")
        is_short = current.bits == 32
        if format_ is None or format_ == "iso8601":
            message = f"`{self.path}` is a bare number without a unit"
            unit = "unix" if is_short else "unix_ms"
            raise MappingFault(Code.NEEDS_FORMAT, message, f"add `format:`, such as {unit}")
        if is_short and format_ != "unix":
            message = f"`{self.path}` is an int: 32 bits cannot hold a time in `{format_}`"
            raise MappingFault(Code.TIME_FORM, message, "use `format: unix`, which is in seconds")
        return _chain(exact, time_of_exact(UNIX_DIGITS[format_]))

    def _refuse_format(self, format_: TimeFormat | None, zone: str | None) -> None:
        digits = UNIX_DIGITS.get(format_) if format_ else self.current.digits
        if zone is not None or digits != self.current.digits or self.current.measure == "date":
            if format_ is None and zone is None:
                return
            message = f"`{self.path}` is a {self.current.what}, which already has a unit and a zone"
            raise MappingFault(Code.TIME_FORM, message, "remove `format` and `zone`")

    def hash(self, word: str, key: bytes | None) -> None:
        """Replace the value by a digest: of the raw bytes, or of the value as text."""
        if self.current.measure in ("bytes", "fixed", "duration"):
            self._append(byte_hasher(word, key), DIGEST)
            return
        self._any_to_text("hash")
        self._append(hasher(word, key), DIGEST)

    def redact(self, word: str) -> None:
        """Mask all or most of the value as text."""
        self._any_to_text("redact")
        self._append(redactor(word), DIGEST)

    def refuse_cards(self) -> None:
        """Reject records with a card number here; values that the schema lists are not checked."""
        open_text = self.current.kind == "str" and self.current.symbols is None
        if self.current is DIGEST or not (open_text or self.current.kind == "int"):
            return
        if self.current.final is not None and self.current.text is not None:
            self._append(self.current.text, TEXT)
        self._append(refuse_cards, self.current)

    def _any_to_text(self, why: str) -> None:
        text = self.current.text
        if text is None:
            message = f"`{why}` works on text, but `{self.path}` is {self.current.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        if text is not identity:
            self._append(text, TEXT)

    def build(self) -> Convert | None:
        """All converters as one function; None if values are sent unchanged."""
        steps = [*self._steps, *([self.current.final] if self.current.final else [])]
        if not steps:
            return None
        if len(steps) == 1:
            return steps[0]
        if not self.can_become_missing:
            return _compose(steps)
        return _compose_until_missing(steps)

    def _append(self, convert: Convert, representation: Representation) -> None:
        self._steps.append(convert)
        self.current = representation

    def _not_convertible(self, kind: Kind) -> MappingFault:
        message = f"`{self.path}` is {self.current.what}: it cannot be converted to `{kind}`"
        return MappingFault(Code.NO_CONVERSION, message)

    def _int_key(self, key: str) -> int:
        try:
            return int64(int(key))
        except ValueError:
            message = f"`{key}` is not a whole number, but `{self.path}` is {self.current.what}"
            raise MappingFault(Code.NOT_COMPARABLE, message) from None

    def _bool_key(self, key: str) -> bool:
        if key not in ("true", "false"):
            message = f"`{key}` is neither true nor false, but `{self.path}` is {self.current.what}"
            raise MappingFault(Code.NOT_COMPARABLE, message)
        return key == "true"


def representation_of_scalar(value: Scalar) -> Representation:
    """The representation of a literal in the mapping file."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    return DOUBLE if isinstance(value, float) else TEXT


def _chain(first: Convert, second: Convert) -> Convert:
    return lambda value: second(first(value))


def _compose(steps: Sequence[Convert]) -> Convert:
    if len(steps) == 2:
        return _chain(*steps)

    def convert(value: object) -> object:
        for step in steps:
            value = step(value)
        return value

    return convert


def _compose_until_missing(steps: Sequence[Convert]) -> Convert:
    def convert(value: object) -> object:
        for step in steps:
            value = step(value)
            if value is None:
                break
        return value

    return convert
