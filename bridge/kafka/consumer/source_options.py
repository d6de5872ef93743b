"""What a source of records is to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.kafka.consumer.start_position import Start
from bridge.ports import SelectRecords
from bridge.records import Message


def every_record(_topic: str, messages: Sequence[Message]) -> Sequence[int]:
    """Every record is wanted."""
    return range(len(messages))


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a source reads and how it keeps its promises; times in seconds."""

    kafka: Mapping[str, Any]
    topics: Sequence[str]
    wanted: Callable[[str], bool] | None = None
    """Which other topics of the cluster are read; None: no others."""

    ends: Mapping[PartitionKey, int] | None = None
    """Where each partition ends for us; None: nowhere."""

    select_records: SelectRecords = every_record
    """Leaves out what nobody wants, before any work is made of it."""

    not_begun: Callable[[], int] = lambda: 0
    """How many of the records that were given are waiting, beyond what is useful to hold."""

    start: Start = "latest"
    out_of_range: Literal["halt", "earliest", "latest"] = "halt"
    bounds: BackpressureLimits = field(default_factory=BackpressureLimits)
    duplicate_budget: int = 1_000
    events_per_record_max: int = 1
    commit_interval_s: float = 0.25
    rebalance_drain_s: float = 15.0
    shutdown_drain_s: float = 25.0
