"""`artifacts.lock`: which files each service consists of, and the SHA-256 of each.

    [kafka]
    group:artifact:version[:classifier]:packaging sha256

Law: no addresses; where a file comes from is the resolver's business, what it is, is pinned.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).with_name("artifacts.lock")
_HEAD = "# Written by `python -m tests.services.artifacts --write-lock`; do not edit."

Say = Callable[[str], None]
"""Takes one line for the person who waits."""


class Unobtainable(Exception):
    """A file cannot be fetched from here: no network, no such version, a refusal."""


class Coordinate(NamedTuple):
    """What names one file in a Maven repository."""

    group: str
    artifact: str
    version: str
    classifier: str
    packaging: str

    @classmethod
    def parse(cls, text: str) -> "Coordinate":
        """Read `group:artifact:version[:classifier]:packaging`; anything else is a ValueError."""
        group, artifact, version, *rest = text.split(":")
        if len(rest) not in (1, 2):
            message = f"not group:artifact:version[:classifier]:packaging: {text!r}"
            raise ValueError(message)
        return cls(group, artifact, version, rest[0] if len(rest) == 2 else "", rest[-1])

    def __str__(self) -> str:
        return ":".join(part for part in self if part)


class Pin(NamedTuple):
    """One file and what its content must be."""

    coordinate: Coordinate
    sha256: str


def read_lock(file: Path = LOCK) -> dict[str, tuple[Pin, ...]]:
    """Bundle name to its pins; a line that is none is a ValueError."""
    pins: dict[str, tuple[Pin, ...]] = {}
    section = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            pins[section] = ()
        elif line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            pins[section] += (Pin(Coordinate.parse(coordinate), sha256),)
    return pins


def write_lock(pins: Mapping[str, tuple[Pin, ...]], file: Path = LOCK) -> None:
    """Replace the lock, sections and lines in the order given."""
    lines = [_HEAD]
    for section, members in pins.items():
        lines += ["", f"[{section}]"]
        lines += [f"{pin.coordinate} {pin.sha256}" for pin in members]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
