"""What the FullStory stand-in accepted, in the order in which it did.

Invariants: an entry is written when the event is applied, not when it is answered. A line in the
file has reached the kernel before the answer leaves, so a killed bridge can be reckoned with.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import orjson

from bridge.sandbox.fullstory import contract_v1, contract_v2


class Accepted(NamedTuple):
    """One custom event that FullStory has applied; `path` is the raw request path.

    `uid` is empty where an event of v2 names a session.
    """

    uid: str
    path: str
    body: bytes
    received_at_s: float


class Ledger:
    """Accepted events in order, and how many requests got which answer.

    `answers` counts by status over all endpoints, `events` and `probes` count requests to
    the two event endpoints and to everything else, `unanswered` those that never got an answer,
    `repeats` those that v2 had applied before under the same `Idempotency-Key`.
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
        """Notes an applied event, in the file too if there is one; `read_ledger` reads it."""
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
        """Closes the file; what was accepted stays readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_ledger(file: Path) -> list[Accepted]:
    """What a stand-in in another process accepted so far; a line half written is left out.

    A line is `{"path": raw request path, "body": the body as text}`; the time is not kept (0).
    """
    lines = file.read_bytes().split(b"\n")[:-1]
    return [_entry(orjson.loads(line)) for line in lines]


def _entry(line: dict[str, str]) -> Accepted:
    path, body = line["path"], line["body"].encode()
    v2 = path == contract_v2.PATH
    uid = contract_v2.uid_of(body) if v2 else contract_v1.uid_of(path) or ""
    return Accepted(uid, path, body, 0.0)
