"""`artifacts.lock`: the files of each service, and the SHA-256 of each file.

    [kafka]
    group:artifact:version[:classifier]:packaging sha256

Invariants: the lock has no addresses; the resolver determines them. The content is pinned.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).with_name("artifacts.lock")
_HEAD = "# Written by `python -m tests.services.artifacts --write-lock`; do not edit."

Say = Callable[[str], None]
"""Prints one progress line."""


class Unobtainable(Exception):
    """A file cannot be downloaded: no network, no such version, or a refused request."""


class Coordinate(NamedTuple):
    """The coordinate of one file in a Maven repository."""

    group: str
    artifact: str
    version: str
    classifier: str
    packaging: str

    @classmethod
    def parse(cls, text: str) -> "Coordinate":
        """Parse `group:artifact:version[:classifier]:packaging`; ValueError if it is invalid."""
        group, artifact, version, *rest = text.split(":")
        if len(rest) not in (1, 2):
            message = f"not group:artifact:version[:classifier]:packaging: {text!r}"
            raise ValueError(message)
        return cls(group, artifact, version, rest[0] if len(rest) == 2 else "", rest[-1])

    def __str__(self) -> str:
        return ":".join(part for part in self if part)


class Pin(NamedTuple):
    """One file and the hash of its content."""

    coordinate: Coordinate
    sha256: str


def read_lock(file: Path = LOCK) -> dict[str, tuple[Pin, ...]]:
    """Pins by bundle name; ValueError for an invalid line."""
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
    """Replace the lock, with sections and lines in the given order."""
    lines = [_HEAD]
    for section, members in pins.items():
        lines += ["", f"[{section}]"]
        lines += [f"{pin.coordinate} {pin.sha256}" for pin in members]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
