"""The evaluation of the runs: medians, ratios within rounds, the table and the picture."""

from xml.etree import ElementTree

import pytest

from tests.bench import picture, report
from tests.bench.results import Measured
from tests.bench.rows import Row, rows


def _row(name: str) -> Row:
    return next(row for row in rows(None) if row.name == name)


def _measured() -> Measured:
    measured = Measured(_row("skip"))
    for ours, other in ((100.0, 10.0), (120.0, 8.0), (90.0, 10.0)):
        measured.add("bridge", {"per_s": ours, "cpu_us": 2.0, "peak_mb": 90.0})
        measured.add("script", {"per_s": other, "cpu_us": 20.0, "peak_mb": 60.0})
    return measured


def test_ratios_are_taken_within_each_round_with_their_median() -> None:
    """Two runs of one round had the same conditions."""
    [per_s, cpu_us] = _measured().data()["ratios"]
    assert (per_s["of"], per_s["to"], per_s["pairs"]) == ("bridge", "script", [10.0, 15.0, 9.0])
    assert (per_s["median"], cpu_us["median"]) == (10.0, 0.1)


def test_a_failed_run_excludes_its_round() -> None:
    """It has no figures, and the ratios of other rounds do not change."""
    measured = _measured()
    measured.add("bridge", None)
    measured.add("script", {"per_s": 9.0, "cpu_us": 20.0, "peak_mb": 60.0})
    data = measured.data()
    assert data["ratios"][0]["pairs"] == [10.0, 15.0, 9.0]
    assert data["candidates"][0]["figures"]["per_s"] == {"median": 100, "low": 90, "high": 120}


def test_the_picture_is_xml_with_a_bar_per_candidate_and_the_conditions_below() -> None:
    """Names are escaped."""
    data = {"conditions": {"CPU": "a <b> & c"}, "rows": [_measured().data()]}
    drawn = ElementTree.fromstring(picture.draw(data))  # noqa: S314 -- trusted input
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    heading = "skip, 5.55 % match: records per second"
    assert texts == [heading, "bridge", "100", "script", "10", "CPU: a <b> & c"]


def test_the_report_shows_failed_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Failures are not omitted silently."""
    measured = _measured()
    measured.errors.append("round 4, bridge: it hung")
    report.show({"conditions": {"CPU": "one"}, "rows": [measured.data()]})
    shown = capsys.readouterr().out
    assert "FAILED  skip, 5.55 % match: round 4, bridge: it hung" in shown
    assert "bridge / script: per second 10.00× (pairs: 10.00 15.00 9.00)" in shown
