"""A record's path and its one end, with everything around it played, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

import pytest

from bridge.delivery.dead_letter import DeadLetter, ToldBy
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.halts import MEND, NOTHING_IS_LEFT, SEE_BESIDE
from bridge.delivery.rejections import EVERYTHING as TOLERATES_ALL
from bridge.delivery.rejections import Tolerance
from bridge.errors import PoisonRecord, Unavailable
from bridge.mapping.outcome import (
    Event,
    Late,
    NoSession,
    Outcome,
    Recent,
    Rejected,
    Session,
    Skipped,
)
from bridge.mapping.plan import Plan
from bridge.observer import (
    EVERYTHING,
    DeadLettered,
    Delivered,
    Fact,
    Filtered,
    HaltedScope,
    Resumed,
    Settled,
    Waiting,
)
from bridge.observer import Skipped as SkippedFact
from bridge.pipeline import Pipeline
from bridge.ports import Ports
from bridge.records import Assignment, AssignmentEnded, Record
from tests.unit.virtual import run, settle_down

OWNERS = {"BAD": "the shop team", "LARGE": "the team of LARGE", "t": "the team of t"}
POISON = PoisonRecord("cut off", stage="decode", reason="truncated", path="a.b", byte_offset=9)


class Value(NamedTuple):
    """A decoded value whose plan gives the outcomes that the test wrote down."""

    outcomes: Sequence[Outcome] | Exception
    value: object = "value"
    record_name: str | None = "n.Rec"

    @property
    def admitted(self) -> Plan:
        """Itself: only `map` is asked."""
        return cast("Plan", self)

    def map(self, _record: Record, _value: object, _name: str | None = None) -> Sequence[Outcome]:
        """What the test wrote down."""
        if isinstance(self.outcomes, Exception):
            raise self.outcomes
        return self.outcomes


@dataclass
class World:
    """Plays every port; `log` says what happened to whom, in order."""

    values: dict[int, Value | Exception | None] = field(default_factory=dict)
    prepared: list[Exception | Value] = field(default_factory=list)
    answers: dict[str, Done | Skip | Reject | Exception] = field(default_factory=dict)
    letters_refused: int = 0
    send_takes_s: float = 1.0
    now_s: float = 0.0
    log: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    settled: list[tuple[int, int]] = field(default_factory=list)
    halted: list[Callable[[str], bool]] = field(default_factory=list)
    read: list[str] = field(default_factory=lambda: ["t", "other"])
    """The mappings that there are."""

    reserved: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tolerance: Tolerance = TOLERATES_ALL

    def __post_init__(self) -> None:
        self.assignment = Assignment("t", 0)
        self.batches: asyncio.Queue[list[Record] | Exception | None] = asyncio.Queue()
        self.ports = Ports(
            source=self,
            decoder=self,
            tombstones=lambda _: cast("Plan", Value([Skipped("deleted", "a tombstone")])),
            build=self.build,
            sender=cast("Any", _Method(self.send_event)),
            dead_letters=cast("Any", _Method(self.send_letter)),
            observer=self,
            told_by=ToldBy("group", OWNERS),
            clock=lambda: self.now_s,
            mappings=self,
            tolerance=self.tolerance,
            session_window_s=1800,
        )
        self.pipeline = asyncio.create_task(Pipeline(self.ports).run())

    def record(self, offset: int = 0, value: bytes | None = b"v", topic: str = "t") -> Record:
        """A record at an offset."""
        return Record(topic, 0, offset, 1, b"k", value, self.assignment)

    async def poll(self, *records: Record) -> None:
        """Let Kafka bring records, and everybody do what takes no time."""
        self.batches.put_nowait(list(records))
        await settle_down()

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while (batch := await self.batches.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    def settle(self, record: Record, events: int) -> None:
        """Note a settle."""
        self.log.append(f"settled {record.offset}")
        self.settled.append((record.offset, events))

    def topics_of(self, mapping: str) -> Callable[[str], bool]:
        """The topics that begin as the mapping is called."""
        return lambda topic: topic.startswith(mapping)

    def scope_of(self, mapping: str) -> str:
        """Those topics in words; `t` and `twin` have the same."""
        return f"the topics of {mapping.removesuffix('win')}"

    def is_all(self, mappings: Collection[str]) -> bool:
        """Whether nothing else is read."""
        return set(self.read) <= set(mappings)

    def halt(self, topics: Callable[[str], bool]) -> None:
        """Note which topics stand still."""
        self.halted.append(topics)

    def decode(self, record: Record) -> Value | None:
        """The value, an error, or nothing yet."""
        value = self.values[record.offset]
        if isinstance(value, Exception):
            raise value
        return value

    async def prepare(self, record: Record) -> None:
        """The next of what the registry has to say."""
        answer = self.prepared.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.values[record.offset] = answer

    def build(self, event: Event, _record: Record) -> str:
        """The request is the event's name; `large` cannot be built."""
        if event.name == "large":
            raise PoisonRecord("too large", stage="build", reason="value_too_large")
        self.sessions[event.name] = event.session
        return event.name

    async def send_event(
        self, request: str, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Answer after a second."""
        self.log.append(f"sending {request}")
        self.reserved[request] = events
        if events and not assignment.open:
            raise AssignmentEnded
        await asyncio.sleep(self.send_takes_s)
        answer = self.answers.get(request, Done())
        if isinstance(answer, Exception):
            raise answer
        self.log.append(f"sent {request} of {mapping}")
        return answer, 1

    async def send_letter(self, letter: DeadLetter) -> None:
        """Acknowledge a letter, once it has been refused often enough."""
        await asyncio.sleep(0.1)
        if self.letters_refused:
            self.letters_refused -= 1
            raise Unavailable("not now")
        self.letters.append(letter)
        self.log.append(f"letter {letter.failure.reason}")

    def tell(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    @property
    def halts(self) -> list[HaltedScope]:
        """The halts that were told."""
        return [fact for fact in self.facts if isinstance(fact, HaltedScope)]

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


class _Method:
    """An object with the one method `send`."""

    def __init__(self, send: Callable[..., object]) -> None:
        self.send = send


def _event(name: str, *, shadow: bool = False) -> Event:
    return Event(name.upper(), "u1", name, "2026-11-24T10:15:00.000Z", Recent(), (), shadow=shadow)


def test_a_record_that_two_mappings_match_is_settled_once_after_both() -> None:
    """The first one takes the budget of both; the second one takes nothing more."""

    async def story() -> None:
        world = World({0: Value([_event("a"), _event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a", "sent a of A", "sending b", "sent b of B", "settled 0"]
        assert world.settled == [(0, 2)]
        assert world.reserved == {"a": 2, "b": 0}
        assert world.told(Delivered) == [Delivered("A", 1), Delivered("B", 1)]
        assert world.assignment.busy == 0

    run(story())


def test_records_do_not_wait_for_each_other() -> None:
    """A slow event of one record holds up no other record."""

    async def story() -> None:
        world = World({n: Value([_event(f"e{n}")]) for n in range(100)})
        await world.poll(*[world.record(n) for n in range(100)])
        await asyncio.sleep(1.5)
        assert sorted(world.settled) == [(n, 1) for n in range(100)]

    run(story())


def test_a_record_half_delivered_is_held_while_its_partition_drains() -> None:
    """Left there, both its events would be sent by the next owner."""

    async def story() -> None:
        world = World({0: Value([_event("a"), _event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(1.5)  # a is delivered, b under way
        world.assignment.open = False
        assert world.assignment.busy > 0
        await asyncio.sleep(1)
        assert world.settled == [(0, 2)]
        assert world.assignment.busy == 0

    run(story())


def test_a_record_of_which_nothing_is_delivered_is_left_to_the_next_owner() -> None:
    """Not settled, nothing held, nothing written."""

    async def story() -> None:
        world = World({0: Value([_event("a"), _event("b")])})
        world.assignment.open = False
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a"]
        assert (world.settled, world.letters, world.assignment.busy) == ([], [], 0)

    run(story())


def test_a_record_that_nobody_wants_makes_no_task() -> None:
    """It is settled before the next await."""

    async def story() -> None:
        world = World({n: Value([]) for n in range(500)})
        before = asyncio.all_tasks()
        world.batches.put_nowait([world.record(n) for n in range(500)])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert world.settled == [(n, 0) for n in range(500)]
        assert world.told(Filtered) == [Filtered("t")] * 500

    run(story())


def test_a_poison_record_is_settled_after_its_letter_is_acknowledged() -> None:
    """With the stage, the field and the byte where decoding stopped."""

    async def story() -> None:
        world = World({0: POISON})
        await world.poll(world.record())
        assert world.settled == []
        assert world.assignment.busy == 1
        await asyncio.sleep(1)
        assert world.log == ["letter truncated", "settled 0"]
        failure = world.letters[0].failure
        assert (failure.stage, failure.path, failure.byte_offset) == ("decode", "a.b", 9)
        assert world.told(DeadLettered) == [DeadLettered(None, "decode", "truncated", "t/0/0")]

    run(story())


def test_a_letter_that_kafka_does_not_take_is_written_again_until_it_does() -> None:
    """Meanwhile the record is not settled, and its partition is not let go."""

    async def story() -> None:
        world = World({0: POISON}, letters_refused=3)
        await world.poll(world.record())
        await asyncio.sleep(2.5)
        assert (world.settled, world.letters, world.assignment.busy) == ([], [], 1)
        assert world.told(DeadLettered) == []
        await asyncio.sleep(2)
        assert world.settled == [(0, 0)]
        assert world.told(Waiting) == [Waiting("dead-letter topic", "not now")]
        assert world.told(Resumed) == [Resumed("dead-letter topic")]
        assert world.assignment.busy == 0

    run(story())


def test_many_letters_that_wait_are_one_pause_which_ends_with_the_last_of_them() -> None:
    """One pair of facts for one spell; a later spell is told anew."""

    async def story() -> None:
        world = World(dict.fromkeys(range(5), POISON), letters_refused=7)
        await world.poll(*map(world.record, range(4)))
        await asyncio.sleep(0.5)
        assert len(world.told(Waiting)) == 1
        await asyncio.sleep(1)
        assert len(world.letters) == 1
        assert world.told(Resumed) == []
        await asyncio.sleep(1)
        assert len(world.letters) == 4
        assert len(world.told(Resumed)) == 1
        world.letters_refused = 1
        await world.poll(world.record(4))
        await asyncio.sleep(2)
        assert world.told(Waiting) == [Waiting("dead-letter topic", "not now")] * 2
        assert world.told(Resumed) == [Resumed("dead-letter topic")] * 2

    run(story())


def test_a_bridge_that_ends_while_it_waits_does_not_say_that_anything_answers() -> None:
    """Nobody knows; the next one will see."""

    async def story() -> None:
        world = World({0: POISON, 1: None}, [Unavailable("no answer")] * 9, letters_refused=9)
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(1.5)
        world.batches.put_nowait(None)
        await world.pipeline
        await settle_down()
        assert len(world.told(Waiting)) == 2
        assert world.told(Resumed) == []

    run(story())


def test_a_letter_is_not_begun_once_its_partition_drains() -> None:
    """The next owner reads the record and writes its letter; ours beside it would be a second."""

    async def story() -> None:
        world = World({0: POISON, 1: Value([Rejected("BAD", "missing_uid", "no user", "user")])})
        world.assignment.open = False
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(5)
        assert (world.letters, world.settled, world.assignment.busy) == ([], [], 0)

    run(story())


def test_a_letter_that_waits_for_its_topic_is_left_when_its_partition_drains() -> None:
    """Nothing was written here, so the partition goes at once, and not after the drain's limit."""

    async def story() -> None:
        world = World({0: POISON}, letters_refused=2)
        await world.poll(world.record())
        await asyncio.sleep(0.5)
        world.assignment.open = False
        await asyncio.sleep(1)
        assert world.assignment.busy == 0
        await asyncio.sleep(10)
        assert (world.letters, world.settled) == ([], [])

    run(story())


@pytest.mark.parametrize("answer", [Done(), Reject("refused_by_fullstory", 400, "bad")])
def test_the_letters_of_a_record_half_done_are_written_while_its_partition_drains(
    answer: Done | Reject,
) -> None:
    """Its event was answered here: left to the next owner, it would be sent a second time."""

    async def story() -> None:
        rejected = [Rejected(name, "missing_uid", "no user", "user") for name in ("BAD", "WORSE")]
        world = World({0: Value([rejected[0], _event("a"), rejected[1]])}, answers={"a": answer})
        await world.poll(world.record())
        await asyncio.sleep(0.5)  # a is under way
        world.assignment.open = False
        await asyncio.sleep(5)
        refused = ["A"] * isinstance(answer, Reject)
        assert [one.failure.mapping for one in world.letters] == ["BAD", "WORSE", *refused]
        assert world.settled == [(0, 1)]
        assert world.assignment.busy == 0

    run(story())


def test_a_record_counts_once_by_the_worst_of_its_ends() -> None:
    """With any dead letter, else with any event delivered, else with nothing sent."""

    async def story() -> None:
        rejected = Rejected("BAD", "missing_uid", "no user", "user")
        skipped = Skipped("GUEST", "no_uid")
        world = World(
            {
                0: Value([_event("a"), rejected]),
                1: Value([_event("b"), skipped]),
                2: Value([skipped, _event("c", shadow=True)]),
                3: Value([_event("d")]),
            },
            answers={"d": Skip("unknown_user")},
        )
        for offset in range(4):
            await world.poll(world.record(offset))
            await asyncio.sleep(5)
        fates = [cast("Settled", fact).fate for fact in world.told(Settled)]
        assert fates == ["dead_lettered", "sent", "filtered", "filtered"]

    run(story())


def test_what_one_mapping_rejects_does_not_stop_the_others() -> None:
    """One letter, which names its mapping; one delivery; one settle after both."""

    async def story() -> None:
        rejected = Rejected("BAD", "missing_uid", "`user` names no user", "user")
        world = World({0: Value([rejected, _event("a"), Skipped("GUEST", "no_uid")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a", "sent a of A", "letter missing_uid", "settled 0"]
        assert world.letters[0].failure.mapping == "BAD"
        assert ("fullstory_bridge.owner", b"the shop team") in world.letters[0].headers
        assert world.settled == [(0, 1)]
        assert world.told(SkippedFact) == [SkippedFact("GUEST", "no_uid")]

    run(story())


def test_an_event_in_shadow_is_counted_and_not_sent() -> None:
    """It takes nothing of the budget either."""

    async def story() -> None:
        world = World({0: Value([_event("a", shadow=True), _event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending b", "sent b of B", "settled 0"]
        assert world.reserved == {"b": 1}
        assert world.told(SkippedFact) == [SkippedFact("A", "shadow")]

    run(story())


@pytest.mark.parametrize(
    ("answer", "letters"),
    [(Reject("refused_by_fullstory", 400, "bad"), 1), (Skip("unknown_user"), 0)],
)
def test_fullstorys_last_word_ends_the_event_and_the_record_goes_on(
    answer: Reject | Skip, letters: int
) -> None:
    """A refusal is a dead letter with its status, never with its body."""

    async def story() -> None:
        world = World({0: Value([_event("a"), _event("b")])}, answers={"a": answer})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.settled == [(0, 2)]
        assert world.told(Delivered) == [Delivered("B", 1)]
        found = [(one.failure.stage, one.failure.status, one.failure.code) for one in world.letters]
        assert found == [("send", 400, "bad")] * letters

    run(story())


def test_an_event_that_cannot_be_built_is_a_dead_letter_of_its_mapping() -> None:
    """The other event of the record is sent all the same."""

    async def story() -> None:
        world = World({0: Value([_event("large"), _event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending b", "sent b of B", "letter value_too_large", "settled 0"]
        assert world.letters[0].failure.mapping == "LARGE"
        assert ("fullstory_bridge.owner", b"the team of LARGE") in world.letters[0].headers
        assert world.settled == [(0, world.reserved["b"])]

    run(story())


def test_late_events_are_decided_once_however_long_they_wait_for_their_turn() -> None:
    """Skips and dead letters take nothing of the budget; the last one is in time when polled."""

    async def story() -> None:
        late: list[Late] = ["send", "skip", "dead_letter", "send_without_session"]
        events = [replace(_event(f"e{n}"), late=word) for n, word in enumerate(late)]
        moment_s = datetime.fromisoformat(events[0].timestamp).timestamp()
        world = World({0: Value(events), 1: Value(events[1:2])})
        world.now_s = moment_s + 1800.5
        await world.poll(world.record(0))
        world.now_s = moment_s + 1800
        await world.poll(world.record(1))
        world.now_s += 3600
        await asyncio.sleep(5)
        assert {name: events for name, events in world.reserved.items() if events} == {
            "e0": 2,
            "e1": 1,
        }
        assert world.told(SkippedFact) == [SkippedFact("E1", "late")]
        assert [letter.failure.reason for letter in world.letters] == ["late"]
        assert world.sessions == {"e0": Recent(), "e1": Recent(), "e3": NoSession()}
        assert sorted(world.settled) == [(0, 2), (1, 1)]

    run(story())


def test_a_record_waits_for_its_schema_and_holds_up_no_other() -> None:
    """However long the registry takes; then it goes on as any other."""

    async def story() -> None:
        down = Unavailable("no answer")
        world = World(
            {0: None, 1: Value([_event("b")])}, prepared=[down, down, Value([_event("a")])]
        )
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(1.5)
        assert world.settled == [(1, 1)]
        assert world.told(Resumed) == []
        await asyncio.sleep(3)
        assert world.settled == [(1, 1), (0, 1)]
        assert world.told(Waiting) == [Waiting("schema registry", "no answer")]
        assert world.told(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_halt_begins_nothing_of_its_record_and_nothing_that_comes_after_it() -> None:
    """Of the mapping's topics; what is under way comes to its end, the others flow on."""

    async def story() -> None:
        halting = Rejected("t", "invalid_uid", "no request can be made for this uid", halt=True)
        world = World(
            {
                0: Value([_event("a")]),
                1: Value([_event("b"), halting]),
                2: Value([_event("c")]),
                3: Value([]),
                4: POISON,
                5: None,
                6: Value([_event("d")]),
            }
        )
        first = [world.record(0), world.record(1), world.record(2), world.record(3, topic="t2")]
        await world.poll(*first)
        await world.poll(world.record(4), world.record(5), world.record(6, topic="other"))
        await asyncio.sleep(5)
        assert world.log == ["sending a", "sending d", "sent a of A", "settled 0", *world.log[4:]]
        assert sorted(world.settled) == [(0, 1), (6, 1)]
        assert [topics("t") for topics in world.halted] == [True]
        why = "invalid_uid: no request can be made for this uid (t/0/1)"
        assert world.told(HaltedScope) == [
            HaltedScope("the topics of t", why, MEND, "the team of t")
        ]
        assert world.letters == []

    run(story())


def test_everything_is_halted_once_no_topic_is_left() -> None:
    """Told beside the halt that took the last one; the same topics are told once."""

    async def story() -> None:
        world = World(
            {
                offset: Value([Rejected(mapping, "invalid_uid", "no", halt=True)])
                for offset, mapping in enumerate(["t", "twin", "other"])
            }
        )
        await world.poll(world.record(0, topic="t"))
        assert [halt.scope for halt in world.halts] == ["the topics of t"]
        await world.poll(world.record(1, topic="x"))
        assert len(world.halted) == 1
        await world.poll(world.record(2, topic="other"))
        assert [halt.scope for halt in world.halts] == [
            "the topics of t",
            "the topics of other",
            EVERYTHING,
        ]
        assert world.halts[-1] == HaltedScope(EVERYTHING, NOTHING_IS_LEFT, SEE_BESIDE)

    run(story())


def test_a_schema_that_does_not_exist_makes_a_dead_letter() -> None:
    """The registry knows that it has none: waiting would be for ever."""

    async def story() -> None:
        unknown = PoisonRecord("no schema 7", stage="decode", reason="unknown_schema_id")
        world = World({0: None}, prepared=[unknown])
        await world.poll(world.record())
        await asyncio.sleep(1)
        assert world.log == ["letter unknown_schema_id", "settled 0"]

    run(story())


def test_a_record_that_waits_for_its_schema_is_left_when_its_partition_drains() -> None:
    """It is not settled, and the registry is not asked for ever."""

    async def story() -> None:
        world = World({0: None}, prepared=[Unavailable("no answer")] * 3)
        await world.poll(world.record())
        await asyncio.sleep(0.5)
        world.assignment.open = False
        await asyncio.sleep(10)
        assert world.settled == []
        assert len(world.prepared) == 2
        assert world.told(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_record_without_a_value_is_never_decoded() -> None:
    """Its plan is the topic's own for tombstones."""

    async def story() -> None:
        world = World()
        await world.poll(world.record(value=None))
        await asyncio.sleep(1)
        assert world.settled == [(0, 0)]
        assert world.told(SkippedFact) == [SkippedFact("deleted", "a tombstone")]

    run(story())


@pytest.mark.parametrize("place", ["map", "send the first", "send the second"])
def test_a_mistake_of_our_own_is_a_dead_letter_and_the_others_flow_on(place: str) -> None:
    """Its message names the kind of error and no value; the budget that was taken is given back."""

    async def story() -> None:
        mistake = ZeroDivisionError("cus_42")
        events = [_event("a"), _event("b")]
        world = World({0: Value(mistake if place == "map" else events), 1: Value([_event("c")])})
        if place != "map":
            world.answers["a" if place == "send the first" else "b"] = mistake
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(5)
        [letter] = world.letters
        assert letter.failure.reason == "internal_error"
        assert "ZeroDivisionError" in letter.failure.message
        assert "cus_42" not in letter.failure.message
        taken = {"map": 0, "send the first": world.reserved.get("b", 0), "send the second": 2}
        assert dict(world.settled) == {0: taken[place], 1: 1}

    run(story())


def test_when_the_source_ends_what_is_under_way_is_let_go_unsettled() -> None:
    """The source has waited for what had begun; the rest is read again."""

    async def story() -> None:
        world = World({0: Value([_event("a")])}, send_takes_s=100.0)
        await world.poll(world.record())
        world.batches.put_nowait(None)
        await world.pipeline
        await settle_down()
        assert world.log == ["sending a"]

    run(story())


def test_an_error_of_the_source_ends_the_pipeline() -> None:
    """Whoever runs it must know."""

    async def story() -> None:
        world = World()
        world.batches.put_nowait(RuntimeError("fatal"))
        with pytest.raises(RuntimeError, match="fatal"):
            await world.pipeline

    run(story())
