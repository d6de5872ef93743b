"""Writes numbered records at a constant rate, each acknowledged by two brokers or more.

Invariants: the producer is idempotent and retries forever, so each number is in Kafka once. The
writer tracks which numbers Kafka has acknowledged.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from confluent_kafka import Message, Producer

from tests.soak.records import RecordLog
from tests.stories.kafka_fixture import encode

_STEP_S: Final = 0.02


def _default_user(n: int) -> str:
    return f"usr:{n % 997}"


class Writer(threading.Thread):
    """Writes `rate` records per second until `stop`; `records` has what became of each."""

    def __init__(
        self,
        settings: dict[str, Any],
        topic: str,
        schema_id: int,
        rate: float,
        *,
        user_of: Callable[[int], str] = _default_user,
        records: RecordLog | None = None,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        reliable = {"enable.idempotence": True, "acks": "all", "message.timeout.ms": 0}
        responsive = {"topic.metadata.refresh.interval.ms": 1000, "linger.ms": 10}
        self._producer = Producer({**settings, **reliable, **responsive})
        self._topic, self._schema_id, self._rate = topic, schema_id, rate
        self._user_of = user_of
        self._stop_asked = threading.Event()
        self.records = records or RecordLog()
        self.failure: str | None = None

    def run(self) -> None:
        """Write due records every 20 ms, and catch up after delays."""
        started_s, written = time.monotonic(), 0
        while not self._stop_asked.wait(_STEP_S):
            due = int((time.monotonic() - started_s) * self._rate)
            while written < due and not self._stop_asked.is_set():
                self._write(self.records.add())
                written += 1
            self._producer.poll(0)

    def stop(self, timeout_s: float) -> None:
        """Stop writing, and wait until Kafka has acknowledged all records."""
        self._stop_asked.set()
        self.join()
        left = self._producer.flush(timeout_s)
        if left:
            self.failure = f"Kafka did not acknowledge {left} records in {timeout_s:.0f} s"

    def _write(self, n: int) -> None:
        value = encode(self._schema_id, n, self._user_of(n))
        done = partial(self._acknowledge, n)
        while not self._stop_asked.is_set():
            try:
                self._producer.produce(self._topic, value, key=str(n), on_delivery=done)
            except BufferError:  # Kafka has been down for minutes
                self._producer.poll(0.5)
            else:
                return

    def _acknowledge(self, n: int, error: Any, message: Message) -> None:
        if error is not None:
            self.failure = f"Kafka refused a record: {error}"
            return
        self.records.acknowledge(n, message.partition() or 0)
