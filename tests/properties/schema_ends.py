"""The result of an outcome: a request, or the reason why there is none."""

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request
from bridge.fullstory.requests.v1 import build_v1
from bridge.mapping.runtime.outcome import MappingRejected, MappingSkipped, Outcome


def built(outcome: Outcome) -> Request | str:
    """The request for an event, or the reason for a skip or a rejection."""
    if isinstance(outcome, MappingSkipped):
        return outcome.why
    if isinstance(outcome, MappingRejected):
        return outcome.reason
    try:
        return build_v1(outcome)
    except PoisonRecord as poison:
        return poison.reason
