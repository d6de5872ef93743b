"""One event until FullStory's last word, in virtual time, against a FullStory of a list."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from bridge.delivery.answers import Answer, Backoff, NoAnswer, OtherOrganisation, Policy
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.others import UNKNOWN_USERS_MAX
from bridge.fullstory.health import OUTAGE_AFTER_S, PROBE_EVERY_S
from bridge.fullstory.request import Request
from bridge.fullstory.sender import Sender
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Fact, HaltedScope, Resumed, Retrying, Unsure, Waiting
from bridge.records import Assignment, AssignmentEnded
from tests.unit.virtual import run, settle_down

OK = Answer(200, is_json=True)
DOWN = Answer(503, is_json=True)
REFUSED = Answer(401, is_json=True)
UNKNOWN = Answer(404, is_json=True)
LOST = NoAnswer("timeout", sent=True)

REQUEST = Request("POST", "/users/v1/individual/u1/customevent", b'{"event":{}}')
Say = Callable[[int, float], Answer | NoAnswer]
"""From how many requests came before, and the time, to what is answered."""
Probed = Callable[[int, float], Answer | NoAnswer | OtherOrganisation]


class FullStory:
    """Answers by a function, and notes what it was asked, and when."""

    def __init__(
        self, say: Say, probe: Probed = lambda _count, _s: OK, takes_s: float = 0.0
    ) -> None:
        self._say, self._probe, self._takes_s = say, probe, takes_s
        self.poison = "none"
        """The path of the event that always gets a 503."""

        self.sent: list[Request] = []
        self.sent_at_s: list[float] = []
        self.probed_at_s: list[float] = []
        self.quota_used_up_until_s = 0.0
        self.quota_asked = 0

    async def send(self, request: Request) -> Answer | NoAnswer:
        """Answer an event."""
        now_s = asyncio.get_running_loop().time()
        self.sent.append(request)
        self.sent_at_s.append(now_s)
        poisoned = request.path == self.poison
        answer = DOWN if poisoned else self._say(len(self.sent) - 1, now_s)
        await asyncio.sleep(self._takes_s)
        return answer

    async def probe(self) -> Answer | NoAnswer | OtherOrganisation:
        """Answer a probe."""
        now_s = asyncio.get_running_loop().time()
        self.probed_at_s.append(now_s)
        answer = self._probe(len(self.probed_at_s) - 1, now_s)
        await asyncio.sleep(self._takes_s if isinstance(answer, NoAnswer) else 0.0)
        return answer

    async def is_quota_used_up(self) -> bool:
        """Tell whether the quota is used up."""
        self.quota_asked += 1
        await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() < self.quota_used_up_until_s


class Desk:
    """A sender at work, and what it told."""

    def __init__(
        self,
        fullstory: FullStory,
        policy: Policy | None = None,
        *,
        in_flight_max: int = 10,
        budget: int = 10,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.facts: list[Fact] = []
        self.throttle = Throttle(
            in_flight_max=in_flight_max, unacknowledged_max=budget, now_s=loop.time, max_rate=1e6
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

    async def send(
        self, events: int = 1, request: Request = REQUEST
    ) -> tuple[Done | Skip | Reject, int]:
        """Send the event."""
        return await self.sender.send(request, "m", self.assignment, events=events)

    async def send_and_commit(self, user: str) -> tuple[Done | Skip | Reject, int]:
        """Send an event of a user, and acknowledge it."""
        sent = await self.send(request=Request("POST", f"/{user}", b"{}"))
        self.throttle.acknowledged(1)
        return sent


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
        assert fullstory.quota_asked == 0

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
        desk = Desk(FullStory(_in_turn(OK, answer)))
        await desk.send()
        found, tries = await desk.send()
        assert found == decision
        assert tries == (1 if isinstance(decision, Reject) else 2)

    run(story())


def test_what_waits_for_its_next_try_holds_no_place() -> None:
    """An unknown user waits for a minute; meanwhile others are sent."""

    async def story() -> None:
        desk = Desk(FullStory(_in_turn(UNKNOWN, OK)))
        waiting = asyncio.create_task(desk.send())
        await settle_down()
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)
        assert await waiting == (Done(), 2)
        assert asyncio.get_running_loop().time() == 60.0

    run(story())


def test_a_429_holds_everybody_back_for_as_long_as_it_says() -> None:
    """One gate for the whole account; what it refused goes first when it opens."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(Answer(429, True, 7.0), OK), takes_s=0.25)
        desk = Desk(fullstory, in_flight_max=1)
        first = asyncio.create_task(desk.send())
        await settle_down()
        others = [desk.send(request=Request("POST", "/other", b"{}")) for _ in range(3)]
        await asyncio.gather(first, *others)
        assert fullstory.sent_at_s == pytest.approx([0.0, 7.25, 7.5, 7.75, 8.0], abs=0.01)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path] * 2 + ["/other"] * 3
        assert fullstory.probed_at_s == []

    run(story())


def test_a_refused_key_holds_everything_until_a_probe_succeeds() -> None:
    """Each probe reads the key again; the event is then sent as it was."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(REFUSED, OK), probe=_in_turn(REFUSED, REFUSED, OK))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await settle_down()
        second = asyncio.create_task(desk.send())
        assert await first == (Done(), 2)
        assert await second == (Done(), 1)
        assert len(fullstory.probed_at_s) == 3
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


@pytest.mark.parametrize(
    ("failure", "at_s"),
    [(DOWN, 8), (Answer(503, True, retry_after_s=3), 9), (LOST, 9), (UNKNOWN, 66)],
)
def test_the_end_of_an_outage_lets_go_what_waits_for_its_next_try(
    failure: Answer | NoAnswer, at_s: float
) -> None:
    """Its waits had grown in it; a time that FullStory told is kept, and a user is waited for."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 8 else failure if s == 6 else DOWN,
            lambda _count, s: OK if s >= 8 else DOWN,
        )
        desk = Desk(fullstory, Policy(backoff=Backoff(s_first=1.0), must_know_somebody=False))
        assert (await desk.send())[0] == Done()
        assert fullstory.sent_at_s == [0, 2, 6, at_s]

    run(story())


@pytest.mark.parametrize("first", [REFUSED, DOWN, LOST])
def test_while_the_key_is_one_of_another_organisation_nothing_is_sent(
    first: Answer | NoAnswer,
) -> None:
    """However the question came up: a key refused, an outage, or one event that is unsure."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else OtherOrganisation("o-2"),
        )
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send())
        await asyncio.sleep(30)
        later = asyncio.create_task(desk.send())
        assert (await sending)[0] == (await later)[0] == Done()
        assert [at_s for at_s in fullstory.sent_at_s if 10 < at_s < 60] == []
        assert desk.told(Waiting)[-1] == Waiting("fullstory", "wrong_organisation")
        assert desk.told(Resumed) == [Resumed("fullstory")]

    run(story())


@pytest.mark.parametrize("first", [DOWN, Answer(200, is_json=False)])
def test_an_outage_that_ends_with_a_refused_key_is_told_as_that(first: Answer) -> None:
    """A person must act; the end of both is told once."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else first,
            lambda _count, s: OK if s >= 60 else REFUSED if s >= 30 else DOWN,
        )
        desk = Desk(fullstory)
        assert (await desk.send())[0] == Done()
        told = [fact for fact in desk.facts if isinstance(fact, Waiting | Resumed)]
        assert [getattr(fact, "why", "") for fact in told] == [
            "answer_is_not_json" if first.status == 200 else "status_503",
            "key_refused",
            "",
        ]

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


def test_an_unsure_event_goes_again_once_another_one_was_answered() -> None:
    """Not before: it may have been applied, and FullStory may answer nobody now."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 1 else OK, probe=_in_turn(DOWN))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await asyncio.sleep(30)
        assert len(fullstory.sent) == 1
        assert await desk.send() == (Done(), 1)
        assert await first == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 30.0, 30.0]
        assert desk.told(Unsure) == [Unsure("m", "timeout")]

    run(story())


def test_what_was_never_sent_is_not_unsure() -> None:
    """No connection, no doubt."""

    async def story() -> None:
        refused = NoAnswer("connection", sent=False)
        fullstory = FullStory(_in_turn(refused, OK), probe=_in_turn(DOWN))
        desk = Desk(fullstory)
        assert await desk.send() == (Done(), 2)
        assert fullstory.sent_at_s == [0.0, 2.0]
        assert desk.told(Unsure) == []

    run(story())


def test_an_answer_to_another_event_while_it_waited_is_enough() -> None:
    """Then no probe is asked at all."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(LOST, OK), probe=_in_turn(DOWN))
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send())
        await asyncio.sleep(0.5)
        await desk.send()
        await first
        assert fullstory.sent_at_s == [0.0, 0.5, 2.0]
        assert fullstory.probed_at_s == []

    run(story())


def test_a_429_does_not_say_that_events_are_worked_on() -> None:
    """It comes from the door, not from behind it."""

    async def story() -> None:
        fullstory = FullStory(
            lambda count, s: LOST if not count else OK if s >= 9 else Answer(429, True, 0.0),
            probe=_in_turn(DOWN),
            takes_s=0.9,
        )
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await desk.send()
        await first
        assert fullstory.sent[-1].path == "/first"
        assert [request.path for request in fullstory.sent].count("/first") == 2

    run(story())


def test_a_refused_key_does_not_say_that_events_are_worked_on() -> None:
    """The unsure event stays where it is, and another one tries the key."""

    async def story() -> None:
        fullstory = FullStory(lambda count, s: LOST if not count else OK if s >= 9 else REFUSED)
        desk = Desk(fullstory)
        first = asyncio.create_task(desk.send(request=Request("POST", "/first", b"{}")))
        await settle_down()
        await asyncio.gather(first, desk.send())
        assert fullstory.sent[-1].path == "/first"
        assert _times(fullstory)["/first"] == 2

    run(story())


def test_a_spell_of_429s_is_no_outage() -> None:
    """FullStory is well, and says so; one event that gets a 503 meanwhile changes nothing."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 30 else Answer(429, True, 0.0), takes_s=0.9
        )
        fullstory.poison = REQUEST.path
        desk = Desk(fullstory)
        poison = asyncio.create_task(desk.send())
        await desk.send(request=Request("POST", "/other", b"{}"))
        assert desk.told(Waiting) == []
        poison.cancel()
        await asyncio.gather(poison, return_exceptions=True)
        assert desk.sender._others.failing == 0

    run(story())


def test_a_server_that_applies_everything_and_answers_nobody_gets_each_event_twice_at_most() -> (
    None
):
    """Silent for a minute, to the probes too; then it answers."""

    async def story() -> None:
        def say(_count: int, s: float) -> Answer | NoAnswer:
            return LOST if s < 60 else OK

        fullstory = FullStory(say, say, takes_s=10.0)
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(40)])
        times = Counter(request.path for request in fullstory.sent)
        assert [decision for decision, _ in sent] == [Done()] * 40
        assert len(times) == 40
        assert max(times.values()) == 2
        assert len(fullstory.probed_at_s) <= 61

    run(story())


def test_an_event_that_may_have_been_applied_counts_while_it_waits() -> None:
    """A crash would repeat it: its places are free when it is answered and committed, or gone."""

    async def story() -> None:
        fullstory = FullStory(lambda count, _: LOST if count == 0 else DOWN if count == 1 else OK)
        desk = Desk(fullstory)
        sending = asyncio.create_task(desk.send(events=3))
        await asyncio.sleep(0.5)  # its first try has ended, without an answer
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 3)
        await asyncio.sleep(3.0)
        assert (len(fullstory.sent), desk.throttle.unacknowledged) == (2, 3)
        await sending
        assert desk.throttle.unacknowledged == 3
        desk.throttle.acknowledged(3)
        assert desk.throttle.unacknowledged == 0

    run(story())


def test_an_unsure_event_whose_partition_went_away_counts_no_more() -> None:
    """Whoever has the partition now answers for it."""

    async def story() -> None:
        desk = Desk(FullStory(lambda *_: LOST))
        sending = asyncio.create_task(desk.send(events=3))
        await asyncio.sleep(0.5)
        desk.assignment.open = False
        with pytest.raises(AssignmentEnded):
            await sending
        assert (desk.throttle.in_flight, desk.throttle.unacknowledged) == (0, 0)

    run(story())


def _times(fullstory: FullStory) -> Counter[str]:
    return Counter(request.path for request in fullstory.sent)


def test_where_only_events_get_no_answer_each_of_them_comes_twice_at_most() -> None:
    """`GET /me` answers and proves little: an event that nobody doubts goes on trial."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 60 else OK, takes_s=10.0)
        desk = Desk(fullstory, in_flight_max=60, budget=1_000)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(100)])
        assert [decision for decision, _ in sent] == [Done()] * 100
        assert max(_times(fullstory).values()) == 2
        trials = [s for s in fullstory.sent_at_s if 10 < s < 60]
        assert 4 <= len(trials) <= 6
        assert all(later - earlier >= 10 for earlier, later in pairwise(trials))
        assert len(desk.told(Waiting)) == len(desk.told(Resumed)) == 1

    run(story())


def test_where_all_events_are_unsure_one_of_them_is_tried_later_and_later() -> None:
    """Nothing else can say that events are worked on; each trial in vain is one repetition."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 120 else OK, takes_s=10.0)
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(10)])
        assert [decision for decision, _ in sent] == [Done()] * 10
        trials = [s for s in fullstory.sent_at_s if 10 < s < 120]
        assert 5 <= len(trials) <= 8
        assert Counter(_times(fullstory).values()) == {2: 10 - len(trials), 3: len(trials)}

    run(story())


def test_a_budget_full_of_unsure_events_leaves_no_room_for_another_on_trial() -> None:
    """The promise to a crash goes before that to a spell; and it does not stand still for ever."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 30 else OK, takes_s=10.0)
        desk = Desk(fullstory, in_flight_max=10, budget=5)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(20)])
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert len({request.path for request in fullstory.sent[:7]}) == 5

    run(story())


@pytest.mark.parametrize("answer", [Answer(429, True, 1.0), DOWN, REFUSED])
def test_a_trial_that_was_answered_does_not_make_the_next_one_late(answer: Answer) -> None:
    """It left nobody in doubt; so after minutes of refusals it goes on within seconds."""

    async def story() -> None:
        def say(_count: int, s: float) -> Answer | NoAnswer:
            return LOST if s < 20 else answer if s < 200 else OK

        fullstory = FullStory(say, takes_s=0.5)
        desk = Desk(fullstory, in_flight_max=5, budget=100)
        sending = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(20)]
        sent = await asyncio.gather(*sending)
        assert [decision for decision, _ in sent] == [Done()] * 20
        assert max(_times(fullstory).values()) > 2  # what was refused was not applied
        assert min(s for s in fullstory.sent_at_s if s >= 200) < 203
        assert asyncio.get_running_loop().time() < 206

    run(story())


def test_a_trial_whose_partition_went_away_is_no_trial() -> None:
    """Else each event of that partition that waits would use one up."""

    async def story() -> None:
        fullstory = FullStory(lambda _count, s: LOST if s < 6 else OK, takes_s=6.0)
        desk = Desk(fullstory, in_flight_max=1, budget=100)
        gone = Assignment("t", 1)
        unsure = asyncio.create_task(desk.send())
        await settle_down()
        sends = [desk.sender.send(REQUEST, "m", gone, events=1) for _ in range(20)]
        waiting = [asyncio.create_task(one) for one in sends]
        await settle_down()
        ours = asyncio.create_task(desk.send_and_commit("ours"))
        gone.open = False
        await asyncio.gather(unsure, ours)
        await asyncio.gather(*waiting, return_exceptions=True)
        paths = [request.path for request in fullstory.sent]
        assert paths == [REQUEST.path, "/ours", REQUEST.path]
        assert fullstory.sent_at_s[1] == 6 + PROBE_EVERY_S

    run(story())


def test_a_spell_that_is_over_does_not_lengthen_the_waits_of_the_next() -> None:
    """One event in vain after another waits longer and longer; an answer ends that."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(LOST, LOST, LOST, LOST, LOST, OK, LOST, LOST, OK))
        desk = Desk(fullstory)
        await desk.send()
        await desk.send()
        waits = [later - earlier for earlier, later in pairwise(fullstory.sent_at_s)]
        assert waits[4] >= 8
        assert max(waits[6:]) <= 2 + 2 * PROBE_EVERY_S

    run(story())


def test_when_nobody_is_known_everything_halts_with_the_question() -> None:
    """Nothing was skipped, nothing is probed, and nothing goes on by itself."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(UNKNOWN))
        desk = Desk(fullstory)
        users = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(250)]
        await asyncio.sleep(3_600)
        assert not any(one.done() for one in users)
        assert UNKNOWN_USERS_MAX <= len(fullstory.sent) <= UNKNOWN_USERS_MAX + 10
        assert fullstory.probed_at_s == []
        [halted] = desk.told(HaltedScope)
        assert isinstance(halted, HaltedScope)
        assert (halted.scope, halted.why) == ("everything", "nobody_is_known")
        assert "FS.identify" in halted.cure
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)

    run(story())


@pytest.mark.parametrize("answer", [REFUSED, LOST])
@pytest.mark.parametrize("at", [200, 202], ids=["before", "after"])
def test_a_halt_ends_a_pause_and_no_pause_ends_a_halt(at: int, answer: Answer | NoAnswer) -> None:
    """A probe that was under way must not open the door again, and nothing begins one."""

    async def story() -> None:
        fullstory = FullStory(
            lambda count, _s: REFUSED if not count else answer if count == at else UNKNOWN
        )
        desk = Desk(fullstory)
        users = [asyncio.create_task(desk.send_and_commit(f"u{n}")) for n in range(400)]
        await asyncio.sleep(50)  # an unknown user's second try comes after a minute
        assert 200 < len(fullstory.sent) <= 215
        await asyncio.sleep(600)
        assert len(fullstory.sent) <= 215
        assert len(desk.told(HaltedScope)) == 1
        assert len(desk.told(Resumed)) == 1
        assert len(desk.told(Waiting)) == (2 if answer is REFUSED and at == 200 else 1)
        assert len(fullstory.probed_at_s) == 1
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)

    run(story())


def test_a_refusal_while_the_quota_is_used_up_is_no_dead_letter() -> None:
    """Everything waits for the new month, asking once a minute."""

    async def story() -> None:
        refused = Answer(400, True, None, "bad")
        fullstory = FullStory(lambda _count, s: refused if s < 600 else OK)
        fullstory.quota_used_up_until_s = 600
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(50)])
        assert {decision for decision, _ in sent} == {Done()}
        assert len(fullstory.sent) <= 50 + 11
        assert fullstory.quota_asked <= 12
        assert len(fullstory.probed_at_s) <= 11
        assert desk.told(Waiting) == [Waiting("fullstory", "quota_used_up")]

    run(story())


def test_refusals_ask_for_the_quota_once_a_minute() -> None:
    """A thousand poison events are not a thousand questions."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(Answer(400, is_json=True)))
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send_and_commit(f"u{n}") for n in range(1_000)])
        assert {decision for decision, _ in sent} == {Reject("refused_by_fullstory", 400)}
        assert fullstory.quota_asked == 1

    run(story())


def test_one_event_that_always_fails_is_exhausted_among_others_that_go_through() -> None:
    """After its time and its tries; then its failing no longer counts."""

    async def story() -> None:
        fullstory = FullStory(_in_turn(OK))
        fullstory.poison = "/poison"
        policy = Policy(
            backoff=Backoff(s_first=1.0, s_max=2.0), exhausted_after_s=60.0, exhausted_tries=5
        )
        desk = Desk(fullstory, policy)
        poison = asyncio.create_task(desk.send_and_commit("poison"))
        for number in range(200):
            await asyncio.sleep(0.5)
            await desk.send_and_commit(f"u{number}")
        decision, tries = await poison
        assert decision == Reject("exhausted", 503)
        assert 30 <= tries <= 32
        assert desk.told(Waiting) == []

    run(story())


@pytest.mark.parametrize(
    "answer", [Answer(200, is_json=False), Answer(302, is_json=False)], ids=["html", "redirect"]
)
def test_a_proxy_that_answers_for_fullstory_is_an_outage(answer: Answer) -> None:
    """Nothing is delivered by it, and it is asked by one probe at a time."""

    async def story() -> None:
        fullstory = FullStory(
            lambda _count, s: OK if s >= 60 else answer, lambda _count, s: OK if s >= 60 else answer
        )
        desk = Desk(fullstory)
        sent = await asyncio.gather(*[desk.send() for _ in range(5)])
        assert [decision for decision, _ in sent] == [Done()] * 5
        assert len(desk.told(Waiting)) == 1
        assert len([s for s in fullstory.sent_at_s if OUTAGE_AFTER_S + 2 < s < 60]) == 0

    run(story())


def test_one_failure_after_a_quiet_hour_is_no_outage() -> None:
    """Nothing has succeeded for an hour, but nothing was tried either."""

    async def story() -> None:
        desk = Desk(FullStory(_in_turn(OK, DOWN, OK)))
        await desk.send()
        await asyncio.sleep(3_600)
        await desk.send()
        assert desk.told(Waiting) == []

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
