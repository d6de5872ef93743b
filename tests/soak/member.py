"""One bridge of the group, which the soak test stops and restarts.

Invariants: its partitions at any time are read from its log, whose timestamps use the system clock.
It never outlives the soak test (see `tests.services.process_supervisor`).
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
    """A bridge with its own settings file and folder."""

    def __init__(self, number: int, root: Path, settings: dict[str, Any]) -> None:
        self.name = f"bridge {number}"
        folder = root / f"bridge-{number}"
        folder.mkdir()
        file = folder / "bridge.yaml"
        file.write_text(json.dumps(settings))
        command = [str(COMMAND), "run", "--config", str(file)]
        self.process = JavaProcess(self.name, command, folder, {})
        self._history: list[tuple[float, str, frozenset[int]]] = []
        self._read_bytes = 0
        self._reading = threading.Lock()
        self.alerts: list[dict[str, Any]] = []
        """Log lines that the report shows."""
        self.crash_logs: list[str] = []
        """The end of its log for each crash."""

    def start(self) -> None:
        """Start the bridge, which then joins the group."""
        with self._reading:
            self._history.append((time.time(), STARTED, frozenset()))
        self.process.start()

    def held_partitions(self, begin_s: float, end_s: float) -> frozenset[int]:
        """The partitions that it held at any time in this period, from its log."""
        ever: frozenset[int] = frozenset()
        held: frozenset[int] = frozenset()
        for at_s, event, partitions in self.history():
            if at_s > end_s:
                break
            if at_s > begin_s:
                ever |= held
            if event == STARTED:
                held = frozenset()
            else:
                held = held | partitions if event == "assigned" else held - partitions
        return ever | held

    @property
    def holds_any(self) -> bool:
        """Whether it has partitions now."""
        return bool(self.held_partitions(time.time(), time.time()))

    def history(self) -> list[tuple[float, str, frozenset[int]]]:
        """Its starts, and its assigned, revoked and lost partitions, in order of time."""
        with self._reading:
            for line in self._new_lines():
                self._note(line)
            return sorted(self._history, key=lambda one: one[0])

    def _note(self, line: dict[str, Any]) -> None:
        event = line["event"]
        if event in ("assigned", "revoked", "lost"):
            at_s = datetime.fromisoformat(line["timestamp"]).timestamp()
            numbers = (int(name.rpartition("/")[2]) for name in line["partitions"])
            self._history.append((at_s, event, frozenset(numbers)))
        elif event in ("halted", "dead letter"):
            self.alerts.append(line)

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        if not self.process.log.exists():
            return
        with self.process.log.open("rb") as handle:
            handle.seek(self._read_bytes)
            chunk = handle.read()
        whole = chunk.rfind(b"\n") + 1
        self._read_bytes += whole
        for text in chunk[:whole].splitlines():
            if text.startswith(b"{"):  # a killed process may have left an incomplete line
                try:
                    yield json.loads(text)
                except ValueError:
                    continue
