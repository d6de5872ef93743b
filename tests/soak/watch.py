"""Memory and open files of every process, over time.

Invariants: a process that ended between two looks is a gap, not an error; what is kept of an hour
fits a table: a row at the start, every ten minutes, and at the end.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # only the stubs are missing

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """One process at one moment."""

    rss_mib: int
    files: int
    age_s: int

    def __str__(self) -> str:
        return f"{self.rss_mib}M/{self.files}"


def look(processes: Mapping[str, int], now_s: float) -> dict[str, Look]:
    """Resident memory and open descriptors by name."""
    seen = {}
    for name, pid in processes.items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                rss_mib = process.memory_info().rss // _MIB
                age_s = round(now_s - process.create_time())
                seen[name] = Look(rss_mib, process.num_fds(), age_s)
    return seen


def table(rows: list[tuple[float, dict[str, Look]]]) -> list[str]:
    """One line a row: the minute, then memory, descriptors and age of every process."""
    names = sorted({name for _, looks in rows for name in looks})
    said = ["minute  " + "  ".join(f"{name:>18}" for name in names)]
    for minute, looks in rows:
        cells = (_cell(looks.get(name)) for name in names)
        said.append(f"{minute:6.1f}  " + "  ".join(f"{cell:>18}" for cell in cells))
    return said


def _cell(one: Look | None) -> str:
    return "-" if one is None else f"{one} ({one.age_s // 60}:{one.age_s % 60:02d})"
