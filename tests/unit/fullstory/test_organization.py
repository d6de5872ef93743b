"""The key's organization is checked before the first event."""

import asyncio

import pytest

from bridge.delivery.response_classifier import NoResponse, Response, WrongOrganization
from bridge.errors import SetupError, Unavailable
from bridge.fullstory.organization import check_organization

ProbeResponse = Response | NoResponse | WrongOrganization


class FakeFullStory:
    """Responds to one probe."""

    def __init__(self, answer: ProbeResponse) -> None:
        self._answer = answer

    async def probe(self) -> ProbeResponse:
        """Return the response."""
        return self._answer


def check(answer: ProbeResponse) -> None:
    """Check that the key belongs to o-1."""
    asyncio.run(check_organization(FakeFullStory(answer), "o-1"))


def test_a_key_of_the_organization_is_accepted() -> None:
    """The client has compared it already."""
    check(Response(200, is_json=True))


def test_a_key_of_another_organization_fails_the_start() -> None:
    """The error names both organizations and a fix."""
    with pytest.raises(SetupError) as raised:
        check(WrongOrganization("o-2"))
    assert str(raised.value) == (
        "fullstory.key: the key belongs to the organization o-2, but `fullstory.org` is o-1;"
        " nothing was sent\n    fix: set a key of o-1, or correct `fullstory.org`"
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NoResponse("dns", sent=False), "dns"),
        (NoResponse("no_organization_told", sent=False), "no_organization_told"),
        (Response(401, is_json=True), "key_refused"),
        (Response(403, is_json=False), "key_refused"),
        (Response(429, is_json=True, retry_after_s=5), "status_429"),
        (Response(503, is_json=True), "status_503"),
        (Response(302, is_json=True), "status_302"),
        (Response(200, is_json=False), "answer_is_not_json"),
    ],
)
def test_without_the_organization_the_check_is_retried(answer: ProbeResponse, why: str) -> None:
    """For an outage at start, or a key that is refused so far."""
    with pytest.raises(Unavailable, match=f"^{why}$"):
        check(answer)
