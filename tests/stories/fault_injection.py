"""Runs the bridge as a process with one internal fault that no dependency could cause.

    python -m tests.stories.fault_injection FAULT run --config FILE

Invariants: each fault occurs once, in the middle of the work; the rest of the bridge is unchanged.
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


def _once(kind: type, method: Callable[..., Any], fault: Callable[[], None], call: int) -> None:
    """Inject the fault into the given call of a method, counted from 1."""
    calls = 0

    def wrapper(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            fault()
        return method(*arguments, **named)

    setattr(kind, method.__name__, wrapper)


def _fail() -> None:
    raise RuntimeError("injected by the story")


def _sleep() -> None:
    time.sleep(SLEEP_S)


def _jump() -> None:
    """Set the system clock one hour ahead."""
    original = time.time
    time.time = lambda: original() + 3_600


FAULTS: dict[str, Callable[[], None]] = {
    "commit-callback-fails": lambda: _once(Committer, Committer.on_commit, _fail, 3),
    "assign-callback-fails": lambda: _once(PartitionAssigner, PartitionAssigner.assign, _fail, 1),
    "revoke-callback-fails": lambda: _once(PartitionAssigner, PartitionAssigner.revoked, _fail, 1),
    "poll-thread-fails": lambda: _once(Poller, Poller._deliver, _fail, 5),
    "poll-thread-sleeps": lambda: _once(Poller, Poller._deliver, _sleep, 5),
    "mapper-fails": lambda: _once(Plan, Plan.map, _fail, _CALL),
    "clock-jumps": lambda: _once(Poller, Poller._deliver, _jump, 5),
    "event-loop-sleeps": lambda: _once(Pipeline, Pipeline._start_record, _sleep, _CALL),
}


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
