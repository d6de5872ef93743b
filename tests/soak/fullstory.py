"""The FullStory stand-in for a million events: its ledger stores numbers, not bodies.

    python -m tests.soak.fullstory FILE

It prints its address like `bridge.sandbox.fullstory`. It appends one `ENTRY` to FILE for every
applied event: the record's number, and the system time in seconds.
"""

import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import uvloop

from bridge.sandbox.fullstory.control import _serve
from bridge.sandbox.fullstory.ledger import Accepted, Ledger
from bridge.sandbox.fullstory.server import FullStoryStandIn
from tests.integration.running import KEY

ENTRY = struct.Struct("<Id")


class NumbersLedger(Ledger):
    """Writes twelve bytes per event to disk before the response, and keeps none in memory."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._numbers = file.open("ab", buffering=0)

    def add(self, entry: Accepted) -> None:
        """Write an applied event."""
        number = orjson.loads(entry.body)["event"]["event_data"]["n_int"]
        self._numbers.write(ENTRY.pack(number, time.time()))


class Arrivals:
    """Reads the ledger's file incrementally."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_bytes = 0

    def new(self) -> Iterator[tuple[int, float]]:
        """The number and time of every event since the last call."""
        if not self._file.exists():
            return
        with self._file.open("rb") as handle:
            handle.seek(self._read_bytes)
            chunk = handle.read()
        whole = len(chunk) - len(chunk) % ENTRY.size
        self._read_bytes += whole
        yield from ENTRY.iter_unpack(chunk[:whole])


def main(file: Path) -> None:
    """Serve until a signal."""
    stand_in = FullStoryStandIn(key=KEY)
    stand_in.ledger = NumbersLedger(file)
    uvloop.run(_serve(stand_in))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
