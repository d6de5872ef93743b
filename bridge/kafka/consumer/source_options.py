"""The options of a record source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.kafka.consumer.start_position import Start
from bridge.ports import SelectRecords
from bridge.records import Message


def every_record(_topic: str, messages: Sequence[Message]) -> Sequence[int]:
    """Select every record."""
    return range(len(messages))


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a source reads and how it delivers; times in seconds."""

    kafka: Mapping[str, Any]
    topics: Sequence[str]
    matches_pattern: Callable[[str], bool] | None = None
    """Whether to read a topic that is not in `topics`; None: no other topics."""

    ends: Mapping[PartitionKey, int] | None = None
    """The offset at which each partition ends; None: no ends."""

    select_records: SelectRecords = every_record
    """Leaves out records that no mapping uses, before any work is done for them."""

    not_started: Callable[[], int] = lambda: 0
    """How many delivered records wait for processing, beyond the number that is useful to queue."""

    start: Start = "latest"
    out_of_range: Literal["halt", "earliest", "latest"] = "halt"
    bounds: BackpressureLimits = field(default_factory=BackpressureLimits)
    duplicate_budget: int = 1_000
    events_per_record_max: int = 1
    commit_interval_s: float = 0.25
    rebalance_drain_s: float = 15.0
    shutdown_drain_s: float = 25.0
