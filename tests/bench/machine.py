"""The machine: which cores are whose, and under which conditions the figures came about.

Law: what is measured has the first core for itself, all else shares the second one; so neither
takes time from the other. Children inherit the harness's core, hence it moves first.
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
    """The core under test and the others' core, where there are two."""

    def __init__(self) -> None:
        own = sorted(os.sched_getaffinity(0))
        self._tested = own[0]
        self._others = own[1] if len(own) > 1 else None

    @property
    def said(self) -> str:
        """How the cores are shared, in a line."""
        if self._others is None:
            return "one core only: nothing is pinned"
        return f"under test: core {self._tested}; Kafka, registry, sink: core {self._others}"

    def take_the_others(self) -> None:
        """Move this process, and all that it starts from now on, to the others' core."""
        if self._others is not None:
            os.sched_setaffinity(0, {self._others})

    def give_the_first(self, pid: int) -> None:
        """Move a process that has just begun, hence has one thread only, to the core under test."""
        if self._others is not None:
            os.sched_setaffinity(pid, {self._tested})


def conditions(cores: Cores) -> dict[str, str]:
    """What a reader must know to compare the figures with others."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "cores": cores.said,
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": f"{packages}, librdkafka {confluent_kafka.libversion()[0]}",
        "Kafka": f"{KAFKA.title}, one node, uncompressed records",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load at the start": load,
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    told = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(told, platform.machine())
