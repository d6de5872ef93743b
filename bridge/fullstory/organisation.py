"""Whose key it is, asked before the first event: another organisation's would get all of them."""

from typing import Protocol

from bridge.delivery.answers import KEY_REFUSED_BY, Answer, NoAnswer, OtherOrganisation
from bridge.delivery.pause import KEY_REFUSED
from bridge.errors import SetupError, Unavailable


class Prober(Protocol):
    """Asks FullStory whose the key is."""

    async def probe(self) -> Answer | NoAnswer | OtherOrganisation:
        """Ask who we are."""


async def see_organisation(prober: Prober, wanted: str) -> None:
    """Return once the key is known to be one of the organisation `wanted`.

    Raises:
        SetupError: it is another one's.
        Unavailable: that is not known yet; it may be asked again.
    """
    answer = await prober.probe()
    match answer:
        case OtherOrganisation(org):
            raise SetupError(
                f"fullstory.key: the key is one of the organisation {org}, `fullstory.org` says"
                f" {wanted}; nothing was sent\n    cure: give a key of {wanted}, or mend"
                " `fullstory.org`"
            )
        case NoAnswer(why):
            raise Unavailable(why)
        case Answer(status) if status in KEY_REFUSED_BY:
            raise Unavailable(KEY_REFUSED)
        case Answer(status, is_json) if not answer.is_success:
            is_status = is_json or not 200 <= status < 300
            raise Unavailable(f"status_{status}" if is_status else "answer_is_not_json")
