"""Chooses the API that events are built for, once at start."""

from collections.abc import Callable
from typing import Literal

from bridge.fullstory.requests.request import Request
from bridge.fullstory.requests.v1 import build_v1
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.runtime.outcome import Event
from bridge.records import Record

Api = Literal["v1", "v2"]
Build = Callable[[Event, Record], Request]
"""Builds the request for an event of a record; raises PoisonRecord if that is impossible."""


def builder(api: Api, cluster: str) -> Build:
    """The builder for an API; `cluster` is Kafka's cluster id, part of v2's `Idempotency-Key`."""
    if api == "v1":
        return lambda event, _: build_v1(event)
    return lambda event, record: build_v2(event, record, cluster)
