"""Whose key it is, asked before the first event: another organization's would get all of them."""

from typing import Protocol

from bridge.delivery.pauses import KEY_REFUSED
from bridge.delivery.response_classifier import (
    KEY_REFUSED_BY,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.errors import SetupError, Unavailable


class OrganizationProbe(Protocol):
    """Asks FullStory whose the key is."""

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Ask who we are."""


async def check_organization(prober: OrganizationProbe, wanted: str) -> None:
    """Return once the key is known to be one of the organization `wanted`.

    Raises:
        SetupError: it is another one's.
        Unavailable: that is not known yet; it may be asked again.
    """
    answer = await prober.probe()
    match answer:
        case WrongOrganization(org):
            raise SetupError(
                f"fullstory.key: the key is one of the organization {org}, `fullstory.org` says"
                f" {wanted}; nothing was sent\n    cure: give a key of {wanted}, or mend"
                " `fullstory.org`"
            )
        case NoResponse(why):
            raise Unavailable(why)
        case Response(status) if status in KEY_REFUSED_BY:
            raise Unavailable(KEY_REFUSED)
        case Response(status, is_json) if not answer.is_success:
            is_status = is_json or not 200 <= status < 300
            raise Unavailable(f"status_{status}" if is_status else "answer_is_not_json")
