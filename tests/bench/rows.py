"""The rows of the benchmark: the candidates, and the part of a topic that each one is measured on.

Invariants: a row compares its first entry with the others, and each round runs all entries one
after the other. A slow candidate is measured on a smaller part of the same topic.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.candidates import CONSUME_FLOOR, POST_FLOOR, SCRIPT, Bridge, Candidate
from tests.bench.topics import ALL, RARE, SKIP, WIDE, Topic

Marks = tuple[float, float]
Kind = Literal["throughput", "latency", "start"]

_MOST: Final = (0.10, 0.95)
"""After the warm-up, and before the first partitions are read to their ends."""

_SOME: Final = (0.03, 0.20)
"""For the script, which is slow. Builds of the bridge are compared over the same records: at the
start, the client has fetched records in advance, so the first ones look faster."""

_RARE: Final = (0.20, 0.95)
_SENT_SOME: Final = (0.10, 0.35)
_SLOW_SINK: Final = (0.20, 0.95)
"""The rate doubles every few round trips, which take 50 ms here."""


@dataclass(frozen=True)
class Entry:
    """One candidate in a row; `marks` are fractions of the topic's records."""

    label: str
    candidate: Candidate
    topic: Topic
    marks: Marks
    mappings: int = 1


@dataclass(frozen=True)
class Row:
    """One row; `main_figure` is the figure in its chart."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    kind: Kind = "throughput"
    unit: str = "records"
    main_figure: str = "per_s"
    delay_s: float = 0.0
    tls: bool = False


def rows(base: Bridge | None) -> tuple[Row, ...]:
    """All rows; they include the older build if there is one."""
    bridge = Bridge()
    return (
        Row("skip", "skip, 5.55 % match", _skipping(bridge, base)),
        Row("skip-rare", "skip, 0.1 % match", _skipping_rare(bridge, base)),
        *_delivery_rows(bridge, base),
        Row(
            "latency",
            "one event at low load",
            _all(bridge, base, ALL),
            kind="latency",
            unit="ms",
            main_figure="p50_ms",
        ),
        Row(
            "mappings",
            "skip with 100 mappings, and with 1",
            (
                Entry("100 mappings", bridge, SKIP, _MOST, mappings=100),
                Entry("1 mapping", bridge, SKIP, _MOST),
            ),
            main_figure="cpu_us",
        ),
        Row(
            "partitions",
            "skip of 200 partitions, and of 4",
            (
                Entry("200 partitions", bridge, WIDE, _MOST),
                Entry("4 partitions", bridge, SKIP, _half(_MOST)),
            ),
            main_figure="cpu_us",
        ),
        Row(
            "start",
            "from the start of the process",
            _all(bridge, base, SKIP),
            kind="start",
            unit="s",
            main_figure="first_post_s",
        ),
    )


def _delivery_rows(bridge: Bridge, base: Bridge | None) -> tuple[Row, ...]:
    at_once, slow = "deliver, sink at once", "deliver, 50 ms, 256 in flight"
    return (
        _delivering("deliver", at_once, bridge, base, with_script=True),
        _delivering("deliver-tls", f"{at_once}, TLS", bridge, base, tls=True),
        _delivering("deliver-50ms", slow, bridge, base, delay_s=0.05),
        _delivering("deliver-50ms-tls", f"{slow}, TLS", bridge, base, delay_s=0.05, tls=True),
    )


def _half(marks: Marks) -> Marks:
    """Marks that give the same record counts as `marks` of a topic half as large."""
    return marks[0] * WIDE.part, marks[1] * WIDE.part


def _all(bridge: Bridge, base: Bridge | None, topic: Topic) -> tuple[Entry, ...]:
    candidates = [one for one in (bridge, base, SCRIPT) if one is not None]
    return tuple(Entry(one.name, one, topic, _MOST) for one in candidates)


def _older(base: Bridge | None, topic: Topic, marks: Marks) -> tuple[Entry, ...]:
    return () if base is None else (Entry(base.name, base, topic, marks),)


def _skipping(bridge: Bridge, base: Bridge | None) -> tuple[Entry, ...]:
    return (
        Entry(bridge.name, bridge, SKIP, _MOST),
        *_older(base, SKIP, _MOST),
        Entry(SCRIPT.name, SCRIPT, SKIP, _SOME),
        Entry(CONSUME_FLOOR.name, CONSUME_FLOOR, SKIP, _MOST),
    )


def _skipping_rare(bridge: Bridge, base: Bridge | None) -> tuple[Entry, ...]:
    return (
        Entry(bridge.name, bridge, RARE, _RARE),
        *_older(base, RARE, _RARE),
        Entry(CONSUME_FLOOR.name, CONSUME_FLOOR, RARE, _RARE),
    )


def _delivering(
    name: str,
    title: str,
    bridge: Bridge,
    base: Bridge | None,
    *,
    with_script: bool = False,
    delay_s: float = 0.0,
    tls: bool = False,
) -> Row:
    most = _SLOW_SINK if delay_s else _MOST
    entries = [Entry(bridge.name, bridge, ALL, most), *_older(base, ALL, most)]
    if with_script:
        entries.append(Entry(SCRIPT.name, SCRIPT, ALL, _SENT_SOME))
    if not delay_s:
        entries.append(Entry(POST_FLOOR.name, POST_FLOOR, ALL, most))
    return Row(name, title, tuple(entries), unit="events", delay_s=delay_s, tls=tls)
