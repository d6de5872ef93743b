"""The events that the FullStory stand-in accepted, in order.

Invariants: an entry is written when the event is applied, not when the response is sent. The line
is written to the file before the response, so reconciliation works even if the bridge is killed.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import orjson

from bridge.sandbox.fullstory import contract_v1, contract_v2


class Accepted(NamedTuple):
    """An applied custom event; `path` is the raw request path.

    `uid` is empty if a v2 event identifies a session. `integration_source` is the header of a v2
    event; it is not in the file.
    """

    uid: str
    path: str
    body: bytes
    received_at_s: float
    integration_source: str | None = None


class Ledger:
    """Accepted events in order, and request counts.

    - `answers`: responses by status, over all endpoints.
    - `events` and `probes`: requests to the two event endpoints, and to all others.
    - `unanswered`: requests without a response.
    - `repeats`: v2 requests that were already applied under the same `Idempotency-Key`.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.accepted: list[Accepted] = []
        self.answers: Counter[int] = Counter()
        self.events = 0
        self.probes = 0
        self.unanswered = 0
        self.repeats = 0
        self._file = file.open("ab", buffering=0) if file else None

    def add(self, entry: Accepted) -> None:
        """Stores an applied event, and writes it to the file if one is set (see `read_ledger`)."""
        self.accepted.append(entry)
        if self._file is not None:
            line = {"path": entry.path, "body": entry.body.decode()}
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def counts(self) -> dict[str, object]:
        """All counts as plain data, for the control endpoint."""
        return {
            "accepted": len(self.accepted),
            "answers": {str(status): n for status, n in sorted(self.answers.items())},
            "events": self.events,
            "probes": self.probes,
            "repeats": self.repeats,
            "unanswered": self.unanswered,
        }

    def close(self) -> None:
        """Closes the file; the accepted events stay available."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_ledger(file: Path) -> list[Accepted]:
    """The events that a stand-in in another process has accepted; ignores an incomplete last line.

    A line is `{"path": raw request path, "body": the body as text}`. The time is not stored, so it
    is 0.
    """
    lines = file.read_bytes().split(b"\n")[:-1]
    return [_entry(orjson.loads(line)) for line in lines]


def _entry(line: dict[str, str]) -> Accepted:
    path, body = line["path"], line["body"].encode()
    v2 = path == contract_v2.PATH
    uid = contract_v2.uid_of(body) if v2 else contract_v1.uid_of(path) or ""
    return Accepted(uid, path, body, 0.0)
