"""The lower bound for skipping: consume, read the filter's field, compare; nothing else.

    python consume_floor.py job.json

It uses the bridge's consumer configuration and the bridge's generated reader for the field. It does
not track, queue, send or commit anything. It prints its own figures.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from bridge.avro.projection.project import project
from bridge.kafka.client_config import consumer_configuration
from bridge.schema.parser import parse_schema

_FRAME = 5


def filter_reader(schema_json: str) -> Callable[[bytes], Any]:
    """Returns a function from a record's value to its filter field, with the bridge's decoder."""
    read = project(parse_schema(schema_json), [("status",)], to_end=False)
    assert read is not None, "no reader is generated for the schema"
    generated: Callable[[bytes, int], Any] = read
    return lambda value: generated(value, _FRAME)["status"]


def peak_mb() -> float:
    """The peak memory of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main(job: dict[str, Any]) -> None:
    """Consume from one mark to the other, and print the figures."""
    read = filter_reader(Path(job["schema_file"]).read_text())
    records_only = {"auto.offset.reset": "earliest", "enable.partition.eof": False}
    consumer = Consumer({**consumer_configuration(job["kafka"]), **records_only})
    consumer.subscribe([job["topic"]])
    gc.collect()
    gc.freeze()
    wanted, (first, last) = frozenset(job["wanted"]), job["marks"]
    count = matches = 0
    start: tuple[int, float, float] | None = None
    while count < last:
        for message in consumer.consume(500, 0.01):
            if read(message.value()) in wanted:  # type: ignore[arg-type]
                matches += 1
            count += 1
        if start is None and count >= first:
            start = count, time.perf_counter(), time.process_time()
    assert start is not None
    figures = {
        "count": count - start[0],
        "wall_s": time.perf_counter() - start[1],
        "cpu_s": time.process_time() - start[2],
        "matches": matches,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(figures))  # noqa: T201 -- the harness reads it
    consumer.close()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_bytes()))
