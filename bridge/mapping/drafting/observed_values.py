"""Statistics of the values in some records: how often fields are null, and their formats.

Invariants: only counts are kept, never a value. A field is identified by its field names from the
root, with `[*]` for the items of a list.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bridge.mapping.drafting.personal_data import PERSONAL_FORMATS, ValueFormat, value_format_of
from bridge.mapping.language.grammar.base import TimeFormat

EVERY_ITEM: Final = "[*]"
"""The path step for the items of a list."""

_UNITS: Final[tuple[tuple[TimeFormat, int], ...]] = (
    ("unix", 1),
    ("unix_ms", 1000),
    ("unix_us", 10**6),
    ("unix_ns", 10**9),
)
_SINCE_S: Final = 946_684_800
"""2000-01-01, earlier than any event."""

_UNTIL_S: Final = 2_524_608_000
"""2050-01-01."""

FieldNames = tuple[str, ...]


@dataclass(slots=True)
class ObservedField:
    """One field: the number of values, nulls, value formats and possible time units."""

    values: int = 0
    nulls: int = 0
    formats: Counter[ValueFormat | None] = field(default_factory=Counter)
    units: Counter[TimeFormat | None] = field(default_factory=Counter)

    @property
    def personal(self) -> ValueFormat | None:
        """The format of personal data, if any of the values had one."""
        return next((format_ for format_ in PERSONAL_FORMATS if self.formats[format_]), None)

    def all_are(self, format_: ValueFormat) -> bool:
        """Whether there were values, and all had this format."""
        return bool(self.values) and self.formats[format_] == self.values

    @property
    def unit(self) -> TimeFormat | None:
        """The unit in which every number is a plausible time, if there is one."""
        if len(self.units) != 1:
            return None
        return next(iter(self.units))


@dataclass(slots=True)
class ObservedValues:
    """Collects statistics of the values, record by record."""

    records: int = 0
    text_keys: int = 0
    """The number of records whose key is text."""
    _fields: dict[FieldNames, ObservedField] = field(default_factory=dict)

    def note(self, value: object, key: bytes | None = None) -> None:
        """Add one record: its decoded raw value and its key."""
        self.records += 1
        self.text_keys += _is_text(key)
        self._add((), value)

    def at(self, names: Sequence[str]) -> ObservedField:
        """The statistics of one field."""
        return self._fields.get(tuple(names), ObservedField())

    def missing(self, names: Sequence[str]) -> int:
        """How often the field or one of its parents was null."""
        return sum(self.at(names[:length]).nulls for length in range(1, len(names) + 1))

    def _add(self, names: FieldNames, value: Any) -> None:
        field_ = self._fields.setdefault(names, ObservedField())
        if value is None:
            field_.nulls += 1
            return
        field_.values += 1
        match value:
            case dict():
                for name, inner in value.items():
                    self._add((*names, str(name)), inner)
            case list():
                for item in value:
                    self._add((*names, EVERY_ITEM), item)
            case str():
                field_.formats[value_format_of(value)] += 1
            case bool():
                pass
            case int():
                is_card = value_format_of(str(value)) == "card"
                format_: Literal["card"] | None = "card" if is_card else None
                field_.formats[format_] += 1
                field_.units[_unit_of(value)] += 1


def _unit_of(number: int) -> TimeFormat | None:
    return next((u for u, per_s in _UNITS if _SINCE_S <= number / per_s < _UNTIL_S), None)


def _is_text(key: bytes | None) -> bool:
    if not key:
        return False
    try:
        return key.decode().isprintable()
    except UnicodeDecodeError:
        return False
