"""What became of each record that a writer wrote, by its number."""

import threading

NOT_ACKNOWLEDGED, ABORTED = 255, 254
"""Instead of a partition: Kafka has not answered, or the record's transaction was aborted."""


class RecordLog:
    """Numbers the records of all writers; `partition_of[n]` is record n's partition."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.partition_of = bytearray()
        self.acknowledged = 0
        self.aborted = 0

    @property
    def written(self) -> int:
        """The number of records passed to a producer."""
        return len(self.partition_of)

    def add(self) -> int:
        """The number of the next record."""
        with self._lock:
            self.partition_of.append(NOT_ACKNOWLEDGED)
            return len(self.partition_of) - 1

    def acknowledge(self, number: int, partition: int) -> None:
        """A record is in Kafka, and readers see it."""
        with self._lock:
            self.partition_of[number] = partition
            self.acknowledged += 1

    def abort(self, number: int) -> None:
        """A record is not in Kafka, or no reader may see it."""
        with self._lock:
            self.partition_of[number] = ABORTED
            self.aborted += 1
