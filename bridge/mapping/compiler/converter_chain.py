"""The converters of a property, put together to one function when the mapping is compiled.

Invariants: they apply in one fixed order whatever the order in the file: count or max_items, case,
values, scale, type, redact or hash. Each takes a `Representation` and leaves one.
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
    TEXT,
    TIME,
    Representation,
    same,
)
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault, Within
from bridge.mapping.language.grammar import Scalar, TimeFormat
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
    """Functions to be applied one after the other, and the form that they lead to."""

    def __init__(self, form: Representation, where: str) -> None:
        self.form = form
        self.where = where
        self.can_lose = False
        """Whether a value can count as missing after a table without `else`."""
        self._steps: list[Convert] = []

    def case(self, word: str) -> None:
        """Capitals or small letters."""
        self.to_text("case")
        change: Callable[[str], str] = str.upper if word == "upper" else str.lower
        symbols = self.form.symbols
        known = None if symbols is None else tuple(map(change, symbols))
        self._then(change, replace(TEXT, symbols=known))

    def table(self, values: Mapping[str, Scalar], other: Scalar | None) -> None:
        """Each value for another; `other` stands for all that are not listed."""
        results = list(values.values()) + ([] if other is None else [other])
        kinds = {type(value) for value in results}
        if len(kinds) > 1:
            message = "the results of `values` and `else` are of several types"
            raise MappingFault(Code.TABLE_TYPES, message, "write all as text, or all as numbers")
        look_up = self.keys(values)
        symbols = self.form.symbols
        all_listed = symbols is not None and set(symbols) <= set(values)
        self.can_lose = other is None and not all_listed
        form = representation_of_scalar(results[0])
        if isinstance(results[0], str):
            form = replace(form, symbols=tuple(dict.fromkeys(map(str, results))))
        self._then(lambda value: look_up.get(value, other), form)

    def keys(self, values: Mapping[str, Scalar]) -> Mapping[Any, Scalar]:
        """The table with its keys in the type of what is looked up."""
        if self.form.kind == "int":
            return {self._key(key, self._whole): value for key, value in values.items()}
        if self.form.kind == "bool":
            return {self._key(key, self._truth): value for key, value in values.items()}
        self.to_text("values")
        for key in values:
            if self.form.measure == "enum" and key not in (self.form.symbols or ()):
                message = f"{self.form.what} has no symbol `{key}`"
                with Within(key, key=True):
                    raise MappingFault(
                        Code.UNKNOWN_SYMBOL, message, suggest(key, self.form.symbols or ())
                    )
        return {**values}

    @staticmethod
    def _key(key: str, parse: Callable[[str], int]) -> int:
        with Within(key, key=True):
            return parse(key)

    def scale(self, factor: Exact) -> None:
        """Times an exact number; the result is a real."""
        exact = self.form.exact
        if exact is None:
            message = f"`scale` multiplies numbers, and `{self.where}` is {self.form.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        whole, digits = factor

        def times(value: object) -> Exact:
            unscaled, below = exact(value)
            return unscaled * whole, below + digits

        self._then(times, EXACT)

    def to_text(self, why: str) -> None:
        """The value as text, for a converter that needs it so."""
        if self.form.kind != "str" or self.form.text is None:
            message = f"`{why}` works on text, and `{self.where}` is {self.form.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        if self.form.final is not None:
            self._then(self.form.text, replace(TEXT, symbols=self.form.symbols))

    def to_type(self, kind: Kind, format_: TimeFormat | None, zone: str | None) -> None:
        """Another type, where a conversion exists."""
        if kind == "date":
            self.to_time(format_, zone)
        elif kind == "str":
            if self.form.text is None:
                raise self._no_way(kind)
            self._then(self.form.text, TEXT)
        elif kind != self.form.kind:
            self._to_other(kind)

    def _to_other(self, kind: Kind) -> None:
        text = self.form.text if self.form.kind == "str" else None
        exact = self.form.exact or self.form.number or (text and _after(text, exact_of_text))
        if kind == "int" and exact is not None:
            self._then(_after(exact, int_of), INT)
        elif kind == "real" and exact is not None:
            self._then(exact, EXACT)
        elif kind == "bool" and text is not None:
            self._then(_after(text, bool_of_text), BOOL)
        else:
            raise self._no_way(kind)

    def to_time(self, format_: TimeFormat | None, zone: str | None) -> None:
        """A time as RFC 3339 in UTC."""
        where = zone_of(zone)
        form = self.form
        if form.kind == "date":
            self._refuse_format(format_, zone)
        elif form.measure == "local":
            if where is None:
                message = f"`{self.where}` is a {form.what}: it does not say of which zone"
                raise MappingFault(Code.NEEDS_FORMAT, message, "add `zone:`, as Europe/Berlin")
            self._then(local_time_of_ticks(form.digits, where), TIME)
        elif form.kind == "str" and form.text is not None and format_ in (None, "iso8601"):
            self._then(_after(form.text, time_of_text(where)), TIME)
        else:
            self._then(self._ticks(format_), TIME)

    def _ticks(self, format_: TimeFormat | None) -> Convert:
        form = self.form
        exact = form.exact
        if exact is None and form.kind == "str" and form.text is not None:
            exact = _after(form.text, exact_of_text)
        if exact is None or form.measure == "time":
            raise self._no_way("date")
        if format_ is None or format_ == "iso8601":
            message = f"`{self.where}` is a bare number: it does not say its unit"
            raise MappingFault(Code.NEEDS_FORMAT, message, "add `format:`, as unix_ms")
        return _after(exact, time_of_exact(UNIX_DIGITS[format_]))

    def _refuse_format(self, format_: TimeFormat | None, zone: str | None) -> None:
        said = UNIX_DIGITS.get(format_) if format_ else self.form.digits
        if zone is not None or said != self.form.digits or self.form.measure == "date":
            if format_ is None and zone is None:
                return
            message = f"`{self.where}` is a {self.form.what}: that says its unit and zone already"
            raise MappingFault(Code.TIME_FORM, message, "take `format` and `zone` out")

    def hash(self, word: str, key: bytes | None) -> None:
        """A digest of the value: of bytes as they are, of all else as text."""
        if self.form.measure in ("bytes", "fixed", "duration"):
            self._then(byte_hasher(word, key), DIGEST)
            return
        self._to_any_text("hash")
        self._then(hasher(word, key), DIGEST)

    def redact(self, word: str) -> None:
        """Text of which most is made unreadable."""
        self._to_any_text("redact")
        self._then(redactor(word), DIGEST)

    def refuse_cards(self) -> None:
        """Card numbers among the values end the mapping; what the schema lists is not looked at."""
        open_text = self.form.kind == "str" and self.form.symbols is None
        if self.form is DIGEST or not (open_text or self.form.kind == "int"):
            return
        if self.form.final is not None and self.form.text is not None:
            self._then(self.form.text, TEXT)
        self._then(refuse_cards, self.form)

    def _to_any_text(self, why: str) -> None:
        text = self.form.text
        if text is None:
            message = f"`{why}` works on text, and `{self.where}` is {self.form.what}"
            raise MappingFault(Code.NO_CONVERSION, message)
        if text is not same:
            self._then(text, TEXT)

    def build(self) -> Convert | None:
        """All of it as one function; None when values are written as they are."""
        steps = [*self._steps, *([self.form.final] if self.form.final else [])]
        if not steps:
            return None
        if len(steps) == 1:
            return steps[0]
        if not self.can_lose:
            return _in_turn(steps)
        return _while_there(steps)

    def _then(self, convert: Convert, form: Representation) -> None:
        self._steps.append(convert)
        self.form = form

    def _no_way(self, kind: Kind) -> MappingFault:
        message = f"`{self.where}` is {self.form.what}: it cannot become `{kind}`"
        return MappingFault(Code.NO_CONVERSION, message)

    def _whole(self, key: str) -> int:
        try:
            return int64(int(key))
        except ValueError:
            message = f"`{key}` is not a whole number, and `{self.where}` is {self.form.what}"
            raise MappingFault(Code.NOT_COMPARABLE, message) from None

    def _truth(self, key: str) -> bool:
        if key not in ("true", "false"):
            message = f"`{key}` is neither true nor false, and `{self.where}` is {self.form.what}"
            raise MappingFault(Code.NOT_COMPARABLE, message)
        return key == "true"


def representation_of_scalar(value: Scalar) -> Representation:
    """The form of a value that the file itself holds."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    return DOUBLE if isinstance(value, float) else TEXT


def _after(first: Convert, second: Convert) -> Convert:
    return lambda value: second(first(value))


def _in_turn(steps: Sequence[Convert]) -> Convert:
    if len(steps) == 2:
        return _after(*steps)

    def convert(value: object) -> object:
        for step in steps:
            value = step(value)
        return value

    return convert


def _while_there(steps: Sequence[Convert]) -> Convert:
    def convert(value: object) -> object:
        for step in steps:
            value = step(value)
            if value is None:
                break
        return value

    return convert
