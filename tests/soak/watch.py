"""Memory and open files of every process, over time.

Invariants: a process that is not running is a gap in the table, not an error. The table has a row
at the start, one every ten minutes, and one at the end.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # only the stubs are missing

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """The resource usage of one process at one moment."""

    rss_mib: int
    files: int
    age_s: int

    def __str__(self) -> str:
        return f"{self.rss_mib}M/{self.files}"


def measure(processes: Mapping[str, int], now_s: float) -> dict[str, Usage]:
    """The resource usage of every running process, by name."""
    seen = {}
    for name, pid in processes.items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                rss_mib = process.memory_info().rss // _MIB
                age_s = round(now_s - process.create_time())
                seen[name] = Usage(rss_mib, process.num_fds(), age_s)
    return seen


def table(rows: list[tuple[float, dict[str, Usage]]]) -> list[str]:
    """One line per row: the minute, then memory, descriptors and age of every process."""
    names = sorted({name for _, usages in rows for name in usages})
    lines = ["minute  " + "  ".join(f"{name:>18}" for name in names)]
    for minute, usages in rows:
        cells = (_cell(usages.get(name)) for name in names)
        lines.append(f"{minute:6.1f}  " + "  ".join(f"{cell:>18}" for cell in cells))
    return lines


def _cell(one: Usage | None) -> str:
    return "-" if one is None else f"{one} ({one.age_s // 60}:{one.age_s % 60:02d})"
