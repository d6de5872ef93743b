"""How the bridge of a command differs from the usual one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bridge import ports
from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.kafka.consumer.source_options import SourceOptions

T = TypeVar("T")

Tombstones = Callable[[str], ports.Mapper]


def _same(part: T) -> T:
    return part


def _every(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Variation:
    """How a bridge differs from the usual one: each function replaces a part of that one.

    Without `has_prefilter`, the poll thread hands over every record. `checks` selects the topics
    (by Kafka name) whose newest schemas are checked at the start. With `strict_start`, none of them
    may be unfit; otherwise unfit ones are halted if at least one fits.
    """

    source_options: Callable[[SourceOptions], SourceOptions] = _same
    source: Callable[[ports.Source], ports.Source] = _same
    decoder: Callable[[ports.Decoder], ports.Decoder] = _same
    tombstones: Callable[[Tombstones], Tombstones] = _same
    policy: Callable[[DeliveryPolicy], DeliveryPolicy] = _same
    has_prefilter: bool = True
    checks: Callable[[str], bool] = _every
    strict_start: bool = False


USUAL = Variation()
"""What `run` does without options."""
