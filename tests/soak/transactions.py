"""Writes records in transactions to the topic of the other writer, and aborts some of them.

Invariants: a transaction whose end Kafka does not confirm is ended again until it does. So each
record is known to be committed or aborted, except after a fatal error of the client.
"""

import threading
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from confluent_kafka import KafkaException, Message, Producer

from tests.soak.records import RecordLog
from tests.stories.kafka_fixture import encode

_RECORDS_MAX: Final = 40
_ABORTED_SHARE: Final = 0.3
_OPEN_S_MAX: Final = 0.4
"""A longer open transaction would hold back the records of the other writer too."""

_PAUSE_S: Final = 0.5
_ANSWER_S: Final = 10.0


class TransactionalWriter(threading.Thread):
    """Writes and ends one transaction after another until `stop`."""

    def __init__(
        self, settings: dict[str, Any], topic: str, schema_id: int, records: RecordLog, seed: int
    ) -> None:
        super().__init__(name="transactions", daemon=True)
        self._settings = {**settings, "transactional.id": "soak", "linger.ms": 5}
        self._topic, self._schema_id, self._records = topic, schema_id, records
        self._random = Random(f"{seed} transactions")
        self._stop_asked = threading.Event()
        self._partitions: dict[int, int] = {}
        self.failure: str | None = None

    def run(self) -> None:
        """Write transactions; after a fatal error of the client, continue with a new one."""
        while not self._stop_asked.is_set():
            producer = Producer(self._settings)
            try:
                _until_answered(producer.init_transactions)
                while not self._stop_asked.wait(self._random.uniform(0, _PAUSE_S)):
                    self._write_one(producer)
            except KafkaException as error:
                if not error.args[0].fatal():
                    self.failure = f"a transaction failed: {error}"
                    return

    def stop(self, timeout_s: float) -> None:
        """Stop writing after the current transaction."""
        self._stop_asked.set()
        self.join(timeout_s)
        if self.is_alive():
            self.failure = f"the last transaction did not end in {timeout_s:.0f} s"

    def _write_one(self, producer: Producer) -> None:
        producer.begin_transaction()
        numbers = [self._records.add() for _ in range(self._random.randint(1, _RECORDS_MAX))]
        for n in numbers:
            value = encode(self._schema_id, n, f"usr:{n % 997}")
            producer.produce(self._topic, value, key=str(n), on_delivery=self._note(n))
        self._stop_asked.wait(self._random.uniform(0, _OPEN_S_MAX))
        if self._random.random() < _ABORTED_SHARE:
            self._abort(producer, numbers)
            return
        try:
            _until_answered(producer.commit_transaction)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            self._abort(producer, numbers)
        else:
            for n in numbers:
                self._records.acknowledge(n, self._partitions.pop(n))

    def _abort(self, producer: Producer, numbers: Sequence[int]) -> None:
        _until_answered(producer.abort_transaction)
        for n in numbers:
            self._partitions.pop(n, None)
            self._records.abort(n)

    def _note(self, number: int) -> Any:
        def note(error: Any, message: Message) -> None:
            if error is None:
                self._partitions[number] = message.partition() or 0

        return note


def _until_answered(end: Any) -> None:
    """Repeat a call that may be repeated: its answer was lost, or came too late."""
    while True:
        try:
            end(_ANSWER_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
        else:
            return
