"""Whose the key is, before the first event."""

import asyncio

import pytest

from bridge.delivery.response_classifier import NoResponse, Response, WrongOrganization
from bridge.errors import SetupError, Unavailable
from bridge.fullstory.organization import check_organization

Probed = Response | NoResponse | WrongOrganization


class FullStory:
    """Answers one probe."""

    def __init__(self, answer: Probed) -> None:
        self._answer = answer

    async def probe(self) -> Probed:
        """Answer it."""
        return self._answer


def see(answer: Probed) -> None:
    """Ask whether the key is one of o-1."""
    asyncio.run(check_organization(FullStory(answer), "o-1"))


def test_a_key_of_the_organization_is_gone_on_with() -> None:
    """The client has compared it already."""
    see(Response(200, is_json=True))


def test_a_key_of_another_organization_ends_the_start_and_both_are_named() -> None:
    """With the cure, as every mistake of the settings is told."""
    with pytest.raises(SetupError) as told:
        see(WrongOrganization("o-2"))
    assert str(told.value) == (
        "fullstory.key: the key is one of the organization o-2, `fullstory.org` says o-1; nothing"
        " was sent\n    cure: give a key of o-1, or mend `fullstory.org`"
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
def test_what_does_not_tell_whose_the_key_is_is_waited_for(answer: Probed, why: str) -> None:
    """An outage at the start, or a key that is refused so far: it is asked again."""
    with pytest.raises(Unavailable, match=f"^{why}$"):
        see(answer)
