"""The results of the runs: medians with minimum and maximum, and ratios within rounds.

Invariants: a ratio compares two runs of the same round, which had the same conditions. The median
is taken over these ratios.
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
    """A row with the runs of each entry, by round; None is a failed run."""

    row: Row
    runs: dict[str, list[Figures | None]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, label: str, figures: Figures | None) -> None:
        """Add one run."""
        self.runs.setdefault(label, []).append(figures)

    def data(self) -> dict[str, Any]:
        """The row in the format of the results file."""
        return {
            "row": self.row.name,
            "title": self.row.title,
            "kind": self.row.kind,
            "unit": self.row.unit,
            "chief": self.row.main_figure,
            "candidates": [
                {"name": label, "figures": summary(runs), "runs": runs}
                for label, runs in self.runs.items()
            ],
            "ratios": self._ratios(),
            "errors": self.errors,
        }

    def _ratios(self) -> list[dict[str, Any]]:
        """The ratios of the first entry to each other one."""
        (first, ours), *others = self.runs.items()
        keys = ("per_s", "cpu_us") if self.row.kind == "throughput" else (self.row.main_figure,)
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
    """Median, minimum and maximum by figure."""
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
    """Write the results file and return its content."""
    data = {"conditions": conditions, "rows": [one.data() for one in measured]}
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    return data
