"""What the runs have given: medians with the lowest and the highest, and ratios within rounds.

Law: a ratio is taken of two runs of one round, which had the same neighbours; the median is that
of these ratios.
"""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from tests.bench.measure import Figures
from tests.bench.rows import Row

LATEST: Final = Path(__file__).with_name("results") / "latest.json"


@dataclass
class Measured:
    """A row, and per entry its runs, round by round; None: the run failed."""

    row: Row
    runs: dict[str, list[Figures | None]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, label: str, figures: Figures | None) -> None:
        """One run more."""
        self.runs.setdefault(label, []).append(figures)

    def told(self) -> dict[str, Any]:
        """The row for the file of results."""
        return {
            "row": self.row.name,
            "title": self.row.title,
            "kind": self.row.kind,
            "unit": self.row.unit,
            "chief": self.row.chief,
            "candidates": [
                {"name": label, "figures": summary(runs), "runs": runs}
                for label, runs in self.runs.items()
            ],
            "ratios": self._ratios(),
            "errors": self.errors,
        }

    def _ratios(self) -> list[dict[str, Any]]:
        """Of the first entry to each other one."""
        (first, ours), *others = self.runs.items()
        keys = ("per_s", "cpu_us") if self.row.kind == "throughput" else (self.row.chief,)
        found = []
        for label, theirs in others:
            for key in keys:
                pairs = [
                    mine[key] / other[key]
                    for mine, other in zip(ours, theirs, strict=False)
                    if mine is not None and other is not None
                ]
                if pairs:
                    what = {"of": first, "to": label, "figure": key, "pairs": pairs}
                    found.append({**what, "median": statistics.median(pairs)})
        return found


def summary(runs: list[Figures | None]) -> dict[str, dict[str, float]]:
    """Per figure its median, the lowest and the highest."""
    good = [run for run in runs if run is not None]
    found = {}
    for key in good[0] if good else ():
        values = [run[key] for run in good]
        found[key] = {
            "median": statistics.median(values),
            "low": min(values),
            "high": max(values),
        }
    return found


def write(conditions: dict[str, str], measured: list[Measured], to: Path) -> dict[str, Any]:
    """Write the file of results; what is in it."""
    told = {"conditions": conditions, "rows": [one.told() for one in measured]}
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return told
