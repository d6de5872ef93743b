"""One run of one candidate: start it, measure it at the sink, stop it, and return the figures.

Invariants: the warm-up is excluded. Figures are the difference of two samples, taken when two
numbered POSTs arrive.
"""

import json
import random
import statistics
import time
from contextlib import suppress
from typing import Final

from confluent_kafka import Producer

from tests.bench.candidates import Bridge
from tests.bench.child import Child, Sample
from tests.bench.jobs import Job
from tests.bench.rows import Entry, Row
from tests.bench.sink import Arrivals, Moment
from tests.bench.world import World

Figures = dict[str, float]

_SINGLE: Final = 200
_SINGLE_WARM_UP: Final = 20
_HELP_S: Final = 30.0


def measure(world: World, row: Row, entry: Entry) -> Figures:
    """The figures of one run; raises Failed."""
    if row.kind == "latency":
        return _latency(world, row, entry)
    if row.kind == "start":
        return _start(world, row, entry)
    return _throughput(world, row, entry)


def _throughput(world: World, row: Row, entry: Entry) -> Figures:
    topic, records = world.topic(entry.topic), entry.topic.records(world.size)
    every = entry.topic.every
    first, last = (max(1, int(mark * records) // every) for mark in entry.marks)
    with world.run(row.delay_s, tls=row.tls) as (folder, url, arrivals):
        marks = first * every, last * every
        job = world.job(topic, url, folder, marks, entry.mappings)
        with _child(world, entry, job) as child:
            if entry.candidate.measures_itself:
                return _own_figures(child.start(world.cores).wait_for_end())
            begin, end = (_sample_at(child, arrivals, number) for number in (first, last))
            child.start(world.cores)
            child.wait_for(end.occurred, f"POST {last} came ({first} begins)")
            return _figures(marks[1] - marks[0], begin.sample, end.sample, child.peak_mb())


def _latency(world: World, row: Row, entry: Entry) -> Figures:
    """From `produce` to the POST's arrival, one record at a time."""
    with world.run(row.delay_s, tls=row.tls) as (folder, url, arrivals):
        topic = world.empty_topic(f"single-{folder.name}", 1)
        job = world.job(topic, url, folder, (1, _SINGLE))
        with _child(world, entry, job) as child:
            child.start(world.cores)
            producer = Producer({"bootstrap.servers": job.servers, "linger.ms": 0, "acks": "1"})
            rng = random.Random(1)
            took_ms = []
            for number in range(1, _SINGLE_WARM_UP + _SINGLE + 1):
                time.sleep(rng.uniform(0.05, 0.15))
                moment, started_s = arrivals.moment_of(number), time.perf_counter()
                producer.produce(topic, world.bodies.matching[number])
                producer.flush(0)
                child.wait_for(moment.occurred, f"POST {number} came")
                took_ms.append((moment.at_s - started_s) * 1000)
            counted = took_ms[_SINGLE_WARM_UP:]
            percentiles = statistics.quantiles(counted, n=100)
            return {
                "p50_ms": percentiles[49],
                "p99_ms": percentiles[98],
                "peak_mb": child.peak_mb(),
            }


def _start(world: World, row: Row, entry: Entry) -> Figures:
    """The time until the first POST, and the time of `--help`."""
    topic = world.topic(entry.topic)
    with world.run(row.delay_s, tls=row.tls) as (folder, url, arrivals):
        first = arrivals.moment_of(1)
        with _child(world, entry, world.job(topic, url, folder, (1, 2))) as child:
            child.start(world.cores)
            child.wait_for(first.occurred, "the first POST came")
            figures = {"first_post_s": first.at_s - child.started_s}
        if isinstance(entry.candidate, Bridge):
            with Child([str(entry.candidate.program), "--help"], folder, {}) as child:
                child.start(world.cores).wait_for_end(_HELP_S)
                figures["help_s"] = time.perf_counter() - child.started_s
        return figures


def _child(world: World, entry: Entry, job: Job) -> Child:
    return Child(entry.candidate.command(job), job.folder, world.environment)


class _SampleMoment(Moment):
    """A moment at which a process is sampled."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child
        self.sample = Sample(0.0, 0.0)

    def mark_now(self) -> None:
        """Take the sample; if the process has ended, the waiting code detects it."""
        with suppress(ProcessLookupError):
            self.sample = self._child.sample()
            super().mark_now()


def _sample_at(child: Child, arrivals: Arrivals, number: int) -> _SampleMoment:
    moment = _SampleMoment(child)
    arrivals.at(number, moment.mark_now)
    return moment


def _figures(count: int, begin: Sample, end: Sample, peak_mb: float) -> Figures:
    wall_s, cpu_s = end.at_s - begin.at_s, end.cpu_s - begin.cpu_s
    return {
        "per_s": count / wall_s,
        "cpu_us": cpu_s / count * 1e6,
        "cpu_share": cpu_s / wall_s,
        "peak_mb": peak_mb,
        "wall_s": wall_s,
    }


def _own_figures(output: str) -> Figures:
    own = json.loads(output)
    begin, end = Sample(0.0, 0.0), Sample(own["wall_s"], own["cpu_s"])
    return _figures(own["count"], begin, end, own["peak_mb"])
