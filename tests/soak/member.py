"""One bridge of the group, ended and started again as the soak will have it.

Invariants: what it held at any moment is read from its log, whose times are the system's clock; it
never outlives the soak (see `tests.services.process_supervisor`).
"""

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.integration.running import COMMAND
from tests.services.java import JavaProcess

STARTED: Final = "started"


class Member:
    """A bridge with a settings file and a folder of its own."""

    def __init__(self, number: int, root: Path, settings: dict[str, Any]) -> None:
        self.name = f"bridge {number}"
        folder = root / f"bridge-{number}"
        folder.mkdir()
        file = folder / "bridge.yaml"
        file.write_text(json.dumps(settings))
        command = [str(COMMAND), "run", "--config", str(file)]
        self.process = JavaProcess(self.name, command, folder, {})
        self._story: list[tuple[float, str, frozenset[int]]] = []
        self._read_bytes = 0
        self._reading = threading.Lock()
        self.unheard: list[dict[str, Any]] = []
        """Lines of its log that somebody should see."""
        self.last_words: list[str] = []
        """The end of its log each time it ended by itself."""

    def start(self) -> None:
        """Start it; it joins the group by itself."""
        with self._reading:
            self._story.append((time.time(), STARTED, frozenset()))
        self.process.start()

    def held(self, begin_s: float, end_s: float) -> frozenset[int]:
        """The partitions that it held at any moment between the two, as its log tells."""
        ever: frozenset[int] = frozenset()
        held: frozenset[int] = frozenset()
        for told_s, event, partitions in self.story():
            if told_s > end_s:
                break
            if told_s > begin_s:
                ever |= held
            if event == STARTED:
                held = frozenset()
            else:
                held = held | partitions if event == "assigned" else held - partitions
        return ever | held

    @property
    def holds_any(self) -> bool:
        """Whether it has partitions now."""
        return bool(self.held(time.time(), time.time()))

    def story(self) -> list[tuple[float, str, frozenset[int]]]:
        """When it was started, and what it was given, gave up and lost, in order of time."""
        with self._reading:
            for line in self._new_lines():
                self._note(line)
            return sorted(self._story, key=lambda one: one[0])

    def _note(self, line: dict[str, Any]) -> None:
        event = line["event"]
        if event in ("assigned", "revoked", "lost"):
            at_s = datetime.fromisoformat(line["timestamp"]).timestamp()
            numbers = (int(name.rpartition("/")[2]) for name in line["partitions"])
            self._story.append((at_s, event, frozenset(numbers)))
        elif event in ("halted", "dead letter"):
            self.unheard.append(line)

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        if not self.process.log.exists():
            return
        with self.process.log.open("rb") as handle:
            handle.seek(self._read_bytes)
            chunk = handle.read()
        whole = chunk.rfind(b"\n") + 1
        self._read_bytes += whole
        for text in chunk[:whole].splitlines():
            if text.startswith(b"{"):  # a process that was killed may have left half a line
                try:
                    yield json.loads(text)
                except ValueError:
                    continue
