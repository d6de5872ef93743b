"""The machine: how its cores are used, and the conditions of the measurement.

Invariants: the process under test has the first core for itself, and all others share the second
one, so neither takes CPU time from the other. Children inherit the harness's core, so it moves
first.
"""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from tests.services.artifacts import KAFKA

_PACKAGES = ("aiohttp", "confluent-kafka", "fastavro", "uvloop")


class Cores:
    """The core under test and the core of all other processes, if there are two."""

    def __init__(self) -> None:
        own = sorted(os.sched_getaffinity(0))
        self._tested = own[0]
        self._other_core = own[1] if len(own) > 1 else None

    @property
    def description(self) -> str:
        """How the cores are used, in one line."""
        if self._other_core is None:
            return "one core only: nothing is pinned"
        return f"under test: core {self._tested}; Kafka, registry, sink: core {self._other_core}"

    def move_self_to_other_core(self) -> None:
        """Move this process, and all its future children, to the other core."""
        if self._other_core is not None:
            os.sched_setaffinity(0, {self._other_core})

    def pin_to_tested_core(self, pid: int) -> None:
        """Move a new process, which has only one thread yet, to the core under test."""
        if self._other_core is not None:
            os.sched_setaffinity(pid, {self._tested})


def conditions(cores: Cores) -> dict[str, str]:
    """The conditions that a reader needs to compare the figures with others."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "cores": cores.description,
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": f"{packages}, librdkafka {confluent_kafka.libversion()[0]}",
        "Kafka": f"{KAFKA.title}, one node, uncompressed records",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load at the start": load,
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
