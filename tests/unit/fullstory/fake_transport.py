"""A fake FullStory with scripted responses, and a sender for it, in virtual time."""

import asyncio
from collections.abc import Callable

from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.response_classifier import (
    Backoff,
    DeliveryPolicy,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.fullstory.requests.request import Request
from bridge.fullstory.sender import FullStorySender
from bridge.fullstory.throttle import Throttle
from bridge.observer import Fact
from bridge.records import Assignment

OK = Response(200, is_json=True)
DOWN = Response(503, is_json=True)
REFUSED = Response(401, is_json=True)
UNKNOWN = Response(404, is_json=True)
LOST = NoResponse("timeout", sent=True)

REQUEST = Request("POST", "/users/v1/individual/u1/customevent", b'{"event":{}}')
Script = Callable[[int, float], Response | NoResponse]
"""The response by the number of earlier requests and the time."""
ProbeScript = Callable[[int, float], Response | NoResponse | WrongOrganization]


class FakeFullStory:
    """Responds by script, and records requests and their times."""

    def __init__(
        self, script: Script, probe: ProbeScript = lambda _count, _s: OK, takes_s: float = 0.0
    ) -> None:
        self._script, self._probe, self._takes_s = script, probe, takes_s
        self.poison = "none"
        """The path of an event that always gets a 503."""

        self.sent: list[Request] = []
        self.sent_at_s: list[float] = []
        self.probed_at_s: list[float] = []
        self.quota_exhausted_until_s = 0.0
        self.quota_checks = 0

    async def send(self, request: Request) -> Response | NoResponse:
        """Respond to an event."""
        now_s = asyncio.get_running_loop().time()
        self.sent.append(request)
        self.sent_at_s.append(now_s)
        poisoned = request.path == self.poison
        answer = DOWN if poisoned else self._script(len(self.sent) - 1, now_s)
        await asyncio.sleep(self._takes_s)
        return answer

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Respond to a probe."""
        now_s = asyncio.get_running_loop().time()
        self.probed_at_s.append(now_s)
        answer = self._probe(len(self.probed_at_s) - 1, now_s)
        await asyncio.sleep(self._takes_s if isinstance(answer, NoResponse) else 0.0)
        return answer

    async def is_quota_exhausted(self) -> bool:
        """Whether the quota is used up."""
        self.quota_checks += 1
        await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() < self.quota_exhausted_until_s


class SenderFixture:
    """A sender with a fake FullStory, and the facts it reported."""

    def __init__(
        self,
        fullstory: FakeFullStory,
        policy: DeliveryPolicy | None = None,
        *,
        in_flight_max: int = 10,
        budget: int = 10,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.facts: list[Fact] = []
        self.throttle = Throttle(
            in_flight_max=in_flight_max, duplicate_budget=budget, now_s=loop.time, max_rate=1e6
        )
        self.assignment = Assignment("t", 0)
        self.sender = FullStorySender(
            fullstory,
            self.throttle,
            policy or DeliveryPolicy(backoff=Backoff(base_s=1.0, max_s=2.0)),
            self,
            now_s=loop.time,
            chance=lambda: 1.0,
        )

    def notify(self, fact: Fact) -> None:
        """Keep a fact."""
        self.facts.append(fact)

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one type."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def send(
        self, events: int = 1, request: Request = REQUEST
    ) -> tuple[Done | Skip | Reject, int]:
        """Send the event."""
        if not events:
            return await self.sender.send_next(request, "m", self.assignment)
        return await self.sender.send_first(request, "m", self.assignment, events=events)

    async def send_and_commit(self, user: str) -> tuple[Done | Skip | Reject, int]:
        """Send an event of a user and acknowledge it."""
        sent = await self.send(request=Request("POST", f"/{user}", b"{}"))
        self.throttle.acknowledged(1)
        return sent


def sequence(*answers: Response | NoResponse) -> Script:
    """These responses in order; the last one repeats."""
    return lambda count, _s: answers[min(count, len(answers) - 1)]
