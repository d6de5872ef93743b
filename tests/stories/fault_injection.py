"""The bridge with one fault inside, as a process: what no neighbour can do to it from outside.

    python -m tests.stories.fault_injection FAULT run --config FILE

Invariants: each fault strikes once, in the middle of the work; the rest is the bridge as it is.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from bridge.cli import main
from bridge.kafka.consumer.committer import Committer
from bridge.kafka.consumer.partition_assigner import PartitionAssigner
from bridge.kafka.consumer.poller import Poller
from bridge.mapping.runtime.plan import Plan
from bridge.pipeline import Pipeline

SLEEP_S = 9.0
_CALL = 300


def _once(kind: type, name: str, fault: Callable[[], None], call: int) -> None:
    """Let the fault strike in the so-manieth call of a method."""
    honest = getattr(kind, name)
    calls = 0

    def troubled(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            fault()
        return honest(*arguments, **named)

    setattr(kind, name, troubled)


def _fail() -> None:
    raise RuntimeError("asked for by the story")


def _sleep() -> None:
    time.sleep(SLEEP_S)


def _jump() -> None:
    """The system's clock is set an hour ahead."""
    honest = time.time
    time.time = lambda: honest() + 3_600


FAULTS: dict[str, Callable[[], None]] = {
    "commit-callback-fails": lambda: _once(Committer, "on_commit", _fail, 3),
    "assign-callback-fails": lambda: _once(PartitionAssigner, "assign", _fail, 1),
    "revoke-callback-fails": lambda: _once(PartitionAssigner, "revoked", _fail, 1),
    "poll-thread-fails": lambda: _once(Poller, "_deliver", _fail, 5),
    "poll-thread-sleeps": lambda: _once(Poller, "_deliver", _sleep, 5),
    "mapper-fails": lambda: _once(Plan, "map", _fail, _CALL),
    "clock-jumps": lambda: _once(Poller, "_deliver", _jump, 5),
    "event-loop-sleeps": lambda: _once(Pipeline, "_take", _sleep, _CALL),
}


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
