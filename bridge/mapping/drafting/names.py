"""Names for a drafted mapping: of the mapping itself, its event and its properties."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from bridge.mapping.drafting.personal_data import word_set, words_of
from bridge.mapping.language.checks import SUFFIXES

CHARS_MAX: Final = 200
"""Of a property's name: FullStory takes 512, and nobody reads so many."""

_NOISE: Final = word_set("avro model event events record value envelope message dto schema")
"""Words of record names that say nothing about what happened."""

_GENERIC: Final = word_set(
    "id uuid type name code status state value number key kind message reason description "
    "title label data date time count"
)
"""Names that mean nothing without what stands above them."""


def slug(*parts: str) -> str:
    """The name of a mapping: small letters, digits and dashes."""
    words = [word for part in parts for word in words_of(part)]
    return "-".join(words) or "mapping"


def subject_of(record: str) -> str:
    """What a record is about, in words: `com.shop.OrderPlacedEvent` is `Order Placed`.

    Of Debezium's `server.shop.orders.Envelope` and `.Value` it is the table, in the singular.
    """
    space, _, name = record.rpartition(".")
    if name in ("Envelope", "Value"):
        table = space.rpartition(".")[2]
        name = table[:-1] if table.endswith("s") and not table.endswith("ss") else table
    words = words_of(name)
    telling = [word for word in words if word not in _NOISE] or list(words)
    return " ".join(telling).title() or "Event"


def event_of(subject: str, symbol: str) -> str:
    """The event of one symbol: `Order` and `ORDER_PLACED` or `PLACED` are `Order Placed`."""
    words = " ".join(words_of(symbol)).title()
    return words if words.startswith(subject) else f"{subject} {words}".strip()


def name_targets(record: str, paths: Sequence[Sequence[str]], ends: Sequence[str]) -> list[str]:
    """A property's name for each path (field names), no two alike.

    The last name alone, unless it says nothing; as much more of the path as tells paths apart.
    `ends` are put behind them: `count` for what is counted.
    """
    subject = words_of(subject_of(record))[:1]
    lengths = [1] * len(paths)
    targets: list[str] = []
    for _ in range(max(map(len, paths), default=0)):
        targets = [
            _target(_last(names, length, subject), end)
            for names, length, end in zip(paths, lengths, ends, strict=True)
        ]
        often = Counter(targets)
        lengths = [
            length + (often[target] > 1) for length, target in zip(lengths, targets, strict=True)
        ]
    return _numbered(targets)


def _last(names: Sequence[str], length: int, subject: Sequence[str]) -> list[str]:
    """The words of the last names of a path, with what gives them a meaning."""
    words = [word for name in names[-length:] for word in words_of(name)] or ["x"]
    if len(words) > 1 or words[0] not in _GENERIC:
        return words
    above = words_of(names[-2]) if len(names) > 1 else subject
    return [*above, *words]


def _target(words: Iterable[str], end: str) -> str:
    parts = list(words)
    if end == "count" and parts[-1].endswith("s") and not parts[-1].endswith("ss"):
        parts[-1] = parts[-1][:-1]
    name = re.sub(r"[^a-z0-9_]", "", "_".join([*parts, end] if end else parts))
    name = name if name[:1].isalpha() else f"x_{name}"
    base, _, suffix = name.rpartition("_")
    if base and suffix in SUFFIXES:  # FullStory's types are suffixes, and no name may end in one
        name = f"{base}_day" if suffix == "date" else f"{name}_value"
    return name[:CHARS_MAX]


def _numbered(targets: Sequence[str]) -> list[str]:
    """The same, with numbers behind those that are still alike."""
    found: list[str] = []
    for target in targets:
        name, number = target, 2
        while name in found:
            name, number = f"{target}_{number}", number + 1
        found.append(name)
    return found
