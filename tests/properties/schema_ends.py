"""How an outcome ends: as a request, or for a reason."""

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request
from bridge.fullstory.requests.v1 import build_v1
from bridge.mapping.runtime.outcome import MappingRejected, MappingSkipped, Outcome


def built(outcome: Outcome) -> Request | str:
    """The request of an event, or the reason why there is none."""
    if isinstance(outcome, MappingSkipped):
        return outcome.why
    if isinstance(outcome, MappingRejected):
        return outcome.reason
    try:
        return build_v1(outcome)
    except PoisonRecord as poison:
        return poison.reason
