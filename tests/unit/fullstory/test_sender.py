"""One event until FullStory's last word, in virtual time, against a FullStory of a list."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bridge.delivery.answers import Answer, Backoff, NoAnswer, Policy
from bridge.delivery.decision import Done, Reject, Skip
from bridge.fullstory.request import Request
from bridge.fullstory.sender import OUTAGE_AFTER_S, PROBE_EVERY_S, Sender
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Fact, Resumed, Retrying, Waiting
from bridge.records import Assignment, AssignmentEnded
from tests.unit.virtual import run, settle_down

OK = Answer(200, is_json=True)
DOWN = Answer(503, is_json=True)
REFUSED = Answer(401, is_json=True)
LOST = NoAnswer("timeout", sent=True)

REQUEST = Request("POST", "/users/v1/individual/u1/customevent", b'{"event":{}}')
Say = Callable[[int, float], Answer | NoAnswer]
"""From how many requests came before, and the time, to what is answered."""


class FullStory:
    """Answers by a function, and notes what it was asked, and when."""

    def __init__(self, say: Say, probe: Say = lambda _count, _s: OK, takes_s: float = 0.0) -> None:
        self._say, self._probe, self._takes_s = say, probe, takes_s
        self.sent: list[Request] = []
        self.sent_at_s: list[float] = []
        self.probed_at_s: list[float] = []
        self.keys_read = 0

    async def send(self, request: Request) -> Answer | NoAnswer:
        """Answer an event."""
        now_s = asyncio.get_running_loop().time()
        self.sent.append(request)
        self.sent_at_s.append(now_s)
        answer = self._say(len(self.sent) - 1, now_s)
        await asyncio.sleep(self._takes_s)
        return answer

    async def probe(self) -> Answer | NoAnswer:
        """Answer a probe."""
        now_s = asyncio.get_running_loop().time()
        self.probed_at_s.append(now_s)
        return self._probe(len(self.probed_at_s) - 1, now_s)

    def read_key_again(self) -> None:
        """Note that the key was read."""
        self.keys_read += 1


class Desk:
    """A sender at work, and what it told."""

    def __init__(self, fullstory: FullStory, policy: Policy | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.facts: list[Fact] = []
        self.throttle = Throttle(
            in_flight_max=10, unacknowledged_max=10, now_s=loop.time, max_rate=1e6
        )
        self.assignment = Assignment("t", 0)
        self.sender = Sender(
            fullstory,
            self.throttle,
            policy or Policy(backoff=Backoff(s_first=1.0, s_max=2.0)),
            self,
            now_s=loop.time,
            chance=lambda: 1.0,
        )

    def tell(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def send(self, events: int = 1) -> tuple[Done | Skip | Reject, int]:
        """Send the event."""
        return await self.sender.send(REQUEST, "m", self.assignment, events=events)


def _in_turn(*answers: Answer | NoAnswer) -> Say:
    """These answers, the last of them for ever."""
    return lambda count, _s: answers[min(count, len(answers) - 1)]


def test_an_accepted_event_is_done_after_one_try() -> None:
    """And its place in the budget stays taken until the commit."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(OK))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 1)
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 1)
        assert desk.facts == [Answered(200)]

    run(story())


def test_every_try_sends_the_same_request() -> None:
    """Byte for byte, whatever came back."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(DOWN, LOST, Answer(200, is_json=False), OK))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 4)
        assert fullstory.sent == [REQUEST] * 4
        assert fullstory.sent_at_s == [0.0, 2.0, 4.0, 6.0]
        assert len(desk.told(Retrying)) == 3

    run(story())


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Answer(400, True, None, "bad"), Reject("refused_by_fullstory", 400, "bad")),
        (Answer(404, True), Skip("unknown_user")),
    ],
)
def test_a_last_word_is_handed_back(answer: Answer, decision: Reject | Skip) -> None:
    """A refusal at once, an unknown user after the second time."""

    async def story() -> None:
        found, tries = await Desk(FullStory(_in_turn(answer))).send()
        assert found == decision
        assert tries == (1 if isinstance(decision, Reject) else 2)

    run(story())


def test_what_waits_for_its_next_try_holds_no_place() -> None:
    """An unknown user waits for a minute; meanwhile others are sent."""

    async def story() -> None:
        desk = Desk(FullStory(_in_turn(Answer(404, is_json=True), OK)))
        waiting = asyncio.create_task(desk.send())
        await settle_down()
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)
        assert await waiting == (Done(), 2)
        assert asyncio.get_running_loop().time() == 60.0

    run(story())


def test_a_429_holds_everybody_back_for_as_long_as_it_says() -> None:
    """One gate for the whole account."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(Answer(429, True, 7.0), OK))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        await asyncio.gather(first, *[desk.send() for _ in range(3)])
        assert fullstory.sent_at_s == pytest.approx([0.0, 7.0, 7.0, 7.0, 7.0], abs=0.01)
        assert fullstory.probed_at_s == []

    run(story())


def test_a_refused_key_holds_everything_until_a_probe_succeeds() -> None:
    """The key is read again before each probe; the event is then sent as it was."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(REFUSED, OK), probe=_in_turn(REFUSED, REFUSED, OK))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        second = asyncio.create_task(desk.send())
        assert await first == (Done(), 2)
        assert await second == (Done(), 1)
        assert fullstory.keys_read == 3
        assert fullstory.sent_at_s == [0.0, 3 * PROBE_EVERY_S, 3 * PROBE_EVERY_S]
        assert desk.told(Waiting) == [Waiting("fullstory", "key_refused")]
        assert desk.told(Resumed) == [Resumed("fullstory")]

    run(story())


def test_a_key_that_is_good_for_the_probe_alone_does_not_begin_a_storm() -> None:
    """Each round is a pause of its own length, not as fast as the network goes."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: OK if s >= 10 else REFUSED)
        desk = Desk(fullstory)
        await asyncio.gather(*[desk.send() for _ in range(5)])
        assert len(fullstory.sent) <= 5 * (10 / PROBE_EVERY_S + 1)

    run(story())


def test_in_an_outage_one_probe_at_a_time_asks_instead_of_every_event() -> None:
    """When nothing has succeeded for five seconds; then all goes on."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else DOWN, lambda _count, s: OK if s >= 60 else DOWN
        )
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        between = [at_s for at_s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < at_s < 60]
        assert between == []
        assert 50 <= len(fullstory.probed_at_s) <= 60
        assert desk.told(Waiting) == [Waiting("fullstory", "status_503")]

    run(story())


def test_the_failures_of_one_event_among_successes_are_no_outage() -> None:
    """The others go on being sent."""

    async def story() -> None:
        fullstory = FullStory(lambda count, s: DOWN if count == 0 or s in (2, 4, 6, 8) else OK)
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        for _ in range(8):
            await asyncio.sleep(1.1)
            await desk.send()
            desk.throttle.acknowledged(1)
        assert await first == (Done(), 6)
        assert desk.told(Waiting) == []

    run(story())


def test_nothing_begins_once_the_partition_drains() -> None:
    """Its next owner sends the event; the place is free again."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(OK))
        desk = Desk(fullstory)
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await desk.send()
        assert fullstory.sent == []
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def test_a_retry_is_not_begun_once_the_partition_drains() -> None:
    """It was refused so far, so nothing comes twice when the next owner sends it."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(DOWN))
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await settle_down()
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert len(fullstory.sent) == 1

    run(story())


def test_a_later_event_of_a_record_is_seen_through_while_the_partition_drains() -> None:
    """Else its first event would be sent twice."""

    async def story() -> None:
        desk = Desk(FullStory(_in_turn(DOWN, OK)))
        desk.assignment.open = False
        assert await desk.send(events=0) == (Done(), 2)

    run(story())


def test_a_request_under_way_keeps_its_partition_busy() -> None:
    """The drain waits for it; what waits for its next try does not hold it up."""

    async def story() -> None:
        desk = Desk(FullStory(_in_turn(DOWN, OK), takes_s=0.5))
        sending = asyncio.create_task(desk.send())
        busy = []
        for _ in range(4):
            await asyncio.sleep(0.7)
            busy.append(desk.assignment.busy)
        await sending
        assert busy == [0, 0, 0, 1]
        assert desk.assignment.busy == 0

    run(story())


def test_a_mistake_of_our_own_gives_the_place_back() -> None:
    """Else the throttle would fill up with nobody."""

    async def story() -> None:
        def fail(_count: int, _s: float) -> Answer:
            raise ZeroDivisionError

        desk = Desk(FullStory(fail))
        with pytest.raises(ZeroDivisionError):
            await desk.send()
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def test_closing_ends_the_probing() -> None:
    """A stopped bridge asks nobody anything."""

    async def story() -> Sequence[float]:
        fullstory = FullStory(_in_turn(REFUSED), probe=_in_turn(REFUSED))
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await asyncio.sleep(3.5 * PROBE_EVERY_S)
        await desk.sender.close()
        await asyncio.sleep(10)
        sending.cancel()
        return fullstory.probed_at_s

    assert len(run(story())) == 3
