"""Generates the names of a drafted mapping, its event and its properties."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from bridge.mapping.drafting.personal_data import singular, word_set, words_of
from bridge.mapping.language.property_names import SUFFIXES

_NAME_CHARS_MAX: Final = 200
"""Maximum length of a property name; FullStory accepts 512."""

_NOISE: Final = word_set("avro model event events record value envelope message dto schema default")
"""Words in record names that say nothing about the event."""

_VERSION: Final = re.compile(r"v?\d+")
"""A version, as in `V1`; it says nothing about the event either."""

_GENERIC: Final = word_set(
    "id uuid type name code status state value number key kind message reason description "
    "title label data date time count"
)
"""Field names that need the name of their parent."""


def slug(*parts: str) -> str:
    """A mapping name: lowercase letters, digits and dashes."""
    words = [word for part in parts for word in words_of(part)]
    return "-".join(words) or "mapping"


def mapping_names(topic: str, records: Sequence[str]) -> list[str]:
    """A unique mapping name for each record type of a topic.

    Types with equal subjects get their full names, and numbers if these are still equal.
    """
    if len(records) == 1:
        return [slug(topic)]
    short = [slug(topic, subject_of(record)) for record in records]
    counts = Counter(short)
    return _numbered(
        [
            name if counts[name] == 1 else slug(topic, record)
            for name, record in zip(short, records, strict=True)
        ],
        "-",
    )


def subject_of(record: str, topic: str = "") -> str:
    """The subject of a record, in words: `com.shop.OrderPlacedEvent` is `Order Placed`.

    For Debezium's `server.shop.orders.Envelope` and `.Value` it is the table, in the singular.
    A name that says nothing takes the last word of its namespace, or else of the topic.
    """
    space, _, name = record.rpartition(".")
    if name in ("Envelope", "Value"):
        words = words_of(space.rpartition(".")[2]) or words_of(name)
        words = (*words[:-1], singular(words[-1]))
    else:
        words = words_of(name)
    meaningful = [word for word in words if not _is_noise(word)]
    if not meaningful:  # such as `com.shop.payments.V1`
        around = [word for word in words_of(f"{topic}.{space}") if not _is_noise(word)]
        meaningful = [singular(word) for word in around[-1:]] or list(words)
    return " ".join(meaningful).title() or "Event"


def _is_noise(word: str) -> bool:
    return word in _NOISE or _VERSION.fullmatch(word) is not None


def event_of(subject: str, symbol: str) -> str:
    """The event name for a symbol: `Order` with `ORDER_PLACED` or `PLACED` is `Order Placed`."""
    words = " ".join(words_of(symbol)).title()
    return words if words.startswith(subject) else f"{subject} {words}".strip()


def name_targets(record: str, paths: Sequence[Sequence[str]], suffixes: Sequence[str]) -> list[str]:
    """A unique property name for each path (field names).

    It is the last field name, with as many parents as are needed to make it clear and unique.
    `suffixes` are appended, for example `count`.
    """
    subject = words_of(subject_of(record))[:1]
    lengths = [1] * len(paths)
    targets: list[str] = []
    for _ in range(max(map(len, paths), default=0)):
        targets = [
            _target(_last_words(names, length, subject), ending)
            for names, length, ending in zip(paths, lengths, suffixes, strict=True)
        ]
        counts = Counter(targets)
        lengths = [
            length + (counts[target] > 1) for length, target in zip(lengths, targets, strict=True)
        ]
    return _numbered(targets)


def _last_words(names: Sequence[str], length: int, subject: Sequence[str]) -> list[str]:
    """The words of the last names of a path, with the parent if a name is too generic."""
    words = [word for name in names[-length:] for word in words_of(name)] or ["x"]
    if len(words) > 1 or words[0] not in _GENERIC:
        return words
    parent = words_of(names[-2]) if len(names) > 1 else subject
    return [*parent, *words]


def _target(words: Iterable[str], ending: str) -> str:
    parts = list(words)
    if ending == "count":
        parts[-1] = singular(parts[-1])
    name = re.sub(r"[^a-z0-9_]", "", "_".join([*parts, ending] if ending else parts))
    name = name if name[:1].isalpha() else f"x_{name}"
    base, _, suffix = name.rpartition("_")
    if base and suffix in SUFFIXES:  # FullStory reserves these suffixes for types
        name = f"{base}_day" if suffix == "date" else f"{name}_value"
    return name[:_NAME_CHARS_MAX]


def _numbered(targets: Sequence[str], separator: str = "_") -> list[str]:
    """The same names, with numbers appended to duplicates."""
    unique: dict[str, None] = {}
    for target in targets:
        name, number = target, 2
        while name in unique:
            name, number = f"{target}{separator}{number}", number + 1
        unique[name] = None
    return list(unique)
