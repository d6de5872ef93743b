"""What was seen in some records: which fields are ever null, and what their texts look like.

Invariants: counts and looks are kept, no value is. A place is known by its field names, items of
lists by `[*]`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bridge.mapping.drafting.personal_data import BY_LOOK, Look, look_of
from bridge.mapping.language.grammar import TimeFormat

EVERY: Final = "[*]"
"""The step to the items of a list."""

_UNITS: Final[tuple[tuple[TimeFormat, int], ...]] = (
    ("unix", 1),
    ("unix_ms", 1000),
    ("unix_us", 10**6),
    ("unix_ns", 10**9),
)
_SINCE_S: Final = 946_684_800
"""2000-01-01: earlier than any event."""

_UNTIL_S: Final = 2_524_608_000
"""2050-01-01."""

FieldNames = tuple[str, ...]


@dataclass(slots=True)
class ObservedField:
    """One place: how many values and nulls, and how many of the values had which look."""

    values: int = 0
    nulls: int = 0
    looks: Counter[Look | None] = field(default_factory=Counter)
    units: Counter[TimeFormat | None] = field(default_factory=Counter)

    @property
    def personal(self) -> Look | None:
        """The look of personal data that any of the values had."""
        return next((look for look in BY_LOOK if self.looks[look]), None)

    def all_are(self, look: Look) -> bool:
        """Whether every value had this look, and there were any."""
        return bool(self.values) and self.looks[look] == self.values

    @property
    def unit(self) -> TimeFormat | None:
        """The unit in which every number would be a time of our days."""
        if len(self.units) != 1:
            return None
        return next(iter(self.units))


@dataclass(slots=True)
class ObservedValues:
    """Collects what is seen, record by record."""

    records: int = 0
    text_keys: int = 0
    """Of the records, those whose key is text."""
    _places: dict[FieldNames, ObservedField] = field(default_factory=dict)

    def note(self, value: object, key: bytes | None = None) -> None:
        """Look at one record's decoded value, raw, and at its key."""
        self.records += 1
        self.text_keys += _is_text(key)
        self._note((), value)

    def at(self, names: Sequence[str]) -> ObservedField:
        """What was seen at one place."""
        return self._places.get(tuple(names), ObservedField())

    def missing(self, names: Sequence[str]) -> int:
        """How often nothing was there: it was null, or something above it was."""
        return sum(self.at(names[:length]).nulls for length in range(1, len(names) + 1))

    def _note(self, place: FieldNames, value: Any) -> None:
        seen = self._places.setdefault(place, ObservedField())
        if value is None:
            seen.nulls += 1
            return
        seen.values += 1
        match value:
            case dict():
                for name, inner in value.items():
                    self._note((*place, str(name)), inner)
            case list():
                for item in value:
                    self._note((*place, EVERY), item)
            case str():
                seen.looks[look_of(value)] += 1
            case bool():
                pass
            case int():
                look: Literal["card"] | None = "card" if look_of(str(value)) == "card" else None
                seen.looks[look] += 1
                seen.units[_unit_of(value)] += 1


def _unit_of(number: int) -> TimeFormat | None:
    return next((u for u, per_s in _UNITS if _SINCE_S <= number / per_s < _UNTIL_S), None)


def _is_text(key: bytes | None) -> bool:
    if not key:
        return False
    try:
        return key.decode().isprintable()
    except UnicodeDecodeError:
        return False
