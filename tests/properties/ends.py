"""How an outcome ends: as a request, or for a reason."""

from bridge.errors import PoisonRecord
from bridge.fullstory.request import Request
from bridge.fullstory.request_v1 import build_v1
from bridge.mapping.outcome import Outcome, Rejected, Skipped


def built(outcome: Outcome) -> Request | str:
    """The request of an event, or the reason why there is none."""
    if isinstance(outcome, Skipped):
        return outcome.why
    if isinstance(outcome, Rejected):
        return outcome.reason
    try:
        return build_v1(outcome)
    except PoisonRecord as poison:
        return poison.reason
