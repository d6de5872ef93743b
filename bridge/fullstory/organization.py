"""Checks the key's organization before the first event: a wrong one would get all events."""

from typing import Protocol

from bridge.delivery.pauses import KEY_REFUSED
from bridge.delivery.response_classifier import (
    KEY_REFUSED_STATUSES,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.errors import SetupError, Unavailable


class OrganizationProbe(Protocol):
    """Asks FullStory for the key's organization."""

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Send `GET /me` with the current key."""


async def check_organization(probe_client: OrganizationProbe, expected: str) -> None:
    """Return if the key belongs to the organization `expected`.

    Raises:
        SetupError: the key belongs to another organization.
        Unavailable: FullStory did not name the organization; try again.
    """
    answer = await probe_client.probe()
    match answer:
        case WrongOrganization(org):
            raise SetupError(
                f"fullstory.key: the key belongs to the organization {org}, but `fullstory.org` is"
                f" {expected}; nothing was sent\n    fix: set a key of {expected}, or correct"
                " `fullstory.org`"
            )
        case NoResponse(why):
            raise Unavailable(why)
        case Response(status) if status in KEY_REFUSED_STATUSES:
            raise Unavailable(KEY_REFUSED)
        case Response(status, is_json) if not answer.is_success:
            is_status = is_json or not 200 <= status < 300
            raise Unavailable(f"status_{status}" if is_status else "answer_is_not_json")
