"""The floor of skipping: consume, look at the filter's field, compare; nothing else.

    python consume_floor.py job.json

The consumer has the bridge's own configuration, and the field is read by the bridge's own
generated reader. Nothing is tracked, handed over, sent or committed. It prints what it took.
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
    """From a record's value to the value of its filter's field: the one tie to the decoder."""
    read = project(parse_schema(schema_json), [("status",)], to_end=False)
    assert read is not None, "no reader is generated for the schema"
    generated: Callable[[bytes, int], Any] = read
    return lambda value: generated(value, _FRAME)["status"]


def peak_mb() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main(job: dict[str, Any]) -> None:
    """Consume from one mark to the other, and tell."""
    read = filter_reader(Path(job["schema_file"]).read_text())
    consumer = Consumer({**consumer_configuration(job["kafka"]), "auto.offset.reset": "earliest"})
    consumer.subscribe([job["topic"]])
    gc.collect()
    gc.freeze()
    wanted, (first, last) = frozenset(job["wanted"]), job["marks"]
    count = matches = 0
    begun: tuple[int, float, float] | None = None
    while count < last:
        for message in consumer.consume(500, 0.01):
            if read(message.value()) in wanted:  # type: ignore[arg-type]
                matches += 1
            count += 1
        if begun is None and count >= first:
            begun = count, time.perf_counter(), time.process_time()
    assert begun is not None
    told = {
        "count": count - begun[0],
        "wall_s": time.perf_counter() - begun[1],
        "cpu_s": time.process_time() - begun[2],
        "matches": matches,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(told))  # noqa: T201 -- this is how it is asked
    consumer.close()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_bytes()))
