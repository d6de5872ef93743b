"""The faults: lanes that go on side by side, each with its own chance from the seed.

Invariants: a lane ends what it began before it begins something else, and ends when it is asked to;
one broker at a time is away, and the next one only when all replicas are in sync again; the first
bridge is frozen now and then and never ended, so that its memory tells of the whole time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from tests.services.java import wait_until
from tests.services.kafka import KafkaNode
from tests.soak.member import Member
from tests.soak.timeline import Chronicle
from tests.soak.world import DRAIN_S, SESSION_S, TOPIC, World

KILLED, ENDED, LATE_END = "bridge SIGKILL", "bridge SIGTERM", "bridge SIGTERM, by the clock"
CRASHED = "bridge ended by itself"
_END_WITHIN_S = DRAIN_S + 20
PARTITIONS_MAX = 30
Step = Callable[[], None]


class Lanes:
    """Runs every lane in a thread of its own until `end`; the first trouble is kept."""

    def __init__(self, world: World, chronicle: Chronicle, seed: int) -> None:
        self._world = world
        self._chronicle = chronicle
        self._seed = seed
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.trouble: BaseException | None = None

    def begin(self, name: str, lane: "Lane") -> None:
        """Begin a lane."""
        random = Random(f"{self._seed} {name}")
        thread = threading.Thread(target=self._run, args=(lane, random), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def end(self, timeout_s: float = 150) -> None:
        """Let every lane end what it has begun."""
        self._over.set()
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
            if thread.is_alive():
                self.trouble = self.trouble or TimeoutError(f"the {thread.name} lane hangs")

    def _run(self, lane: "Lane", random: Random) -> None:
        try:
            lane(Stage(self._world, self._chronicle, random, self._over))
        except BaseException as error:
            self.trouble = self.trouble or error


class Stage:
    """What a lane has to work with."""

    def __init__(
        self, world: World, chronicle: Chronicle, random: Random, over: threading.Event
    ) -> None:
        self.world = world
        self.random = random
        self._chronicle = chronicle
        self._over = over

    def turns(self, least_s: float, most_s: float) -> Iterator[None]:
        """Another turn after a time between the two, until the lanes are to end."""
        while not self._over.wait(self.random.uniform(least_s, most_s)):
            yield

    def bring_back(self, members: Sequence[Member], since_s: float) -> None:
        """Write down who ended by itself since a moment, and start it again."""
        for member in members:
            if not member.process.running:
                self._chronicle.note(CRASHED, member.name, since_s)
                member.last_words.append(member.process.log_tail())
                member.start()

    def wait(self, least_s: float, most_s: float) -> None:
        """Wait as chance will have it; not longer than the lanes go on."""
        self._over.wait(self.random.uniform(least_s, most_s))

    @contextmanager
    def during(self, kind: str, who: str) -> Iterator[None]:
        """Write down a deed that lasts as long as the block."""
        with self._chronicle.during(kind, who):
            yield

    def kill(self, member: Member) -> None:
        """SIGKILL a bridge."""
        begin_s = time.time()
        member.process.kill()
        self._chronicle.note(KILLED, member.name, begin_s)

    def stop(self, member: Member) -> None:
        """SIGTERM a bridge, and see whether its end is in order."""
        begin_s, since_s = time.time(), time.monotonic()
        member.process.terminate(_END_WITHIN_S)
        by_the_clock = time.monotonic() - since_s >= DRAIN_S
        in_order = member.process.code == 0
        if not in_order:
            member.last_words.append(f"code {member.process.code}: {member.process.log_tail()}")
        kind = (LATE_END if by_the_clock else ENDED) if in_order else CRASHED
        self._chronicle.note(kind, member.name, begin_s)


Lane = Callable[[Stage], None]


def bridges(stage: Stage) -> None:
    """Kill, end and freeze bridges, and start them again."""

    def kill() -> None:
        member = stage.random.choice(mortal)
        stage.kill(member)
        stage.wait(0, 5)
        member.start()

    def stop() -> None:
        member = stage.random.choice(mortal)
        stage.stop(member)
        stage.wait(0, 5)
        member.start()

    def freeze_shortly() -> None:
        _freeze(stage, stage.random.choice(members), "bridge SIGSTOP, within its session", 1, 5)

    def freeze_long() -> None:
        longest_s = 2.5 * SESSION_S
        member = stage.random.choice(members)
        _freeze(stage, member, "bridge SIGSTOP, past its session", SESSION_S + 3, longest_s)

    members = list(stage.world.members)
    mortal = members[1:]
    steps: Sequence[Step] = (kill, stop, freeze_shortly, freeze_long)
    looked_s = time.time()
    for _ in stage.turns(5, 20):
        stage.bring_back(members, looked_s)
        looked_s = time.time()
        stage.random.choices(steps, (40, 25, 15, 20))[0]()
    stage.bring_back(members, looked_s)


def brokers(stage: Stage) -> None:
    """Kill, freeze and restart brokers, one at a time."""

    def kill() -> None:
        node = stage.random.choice(nodes)
        with stage.during("broker SIGKILL", f"broker {node.id}"):
            node.kill()
            stage.wait(0, 20)
            node.start()

    def freeze() -> None:
        node = stage.random.choice(nodes)
        with stage.during("broker SIGSTOP", f"broker {node.id}"):
            node.freeze()
            stage.wait(1, 20)
            node.thaw()

    def roll() -> None:
        with stage.during("rolling restart", "all brokers"):
            for node in nodes:
                _restart(node)
                stage.world.kafka.wait_in_sync(TOPIC)

    nodes = stage.world.kafka.nodes
    for _ in stage.turns(15, 60):
        with stage.world.brokers_are_mine:
            stage.random.choices((kill, freeze, roll), (45, 35, 20))[0]()
            stage.world.kafka.wait_in_sync(TOPIC)


def fullstory(stage: Stage) -> None:
    """Spells of 429 and of 503."""
    for _ in stage.turns(20, 80):
        status = stage.random.choices((429, 503), (50, 50))[0]
        retry_after = {"retry_after": stage.random.randint(1, 4)} if status == 429 else {}
        with stage.during(f"FullStory {status}", "fullstory"):
            stage.world.turn(spell={"status": status, **retry_after})
            stage.wait(2, 20)
            stage.world.turn(spell=None)


def outage(minutes: float) -> Lane:
    """A lane in which FullStory refuses for most of the time: 503, then 429, then no answer."""

    def lane(stage: Stage) -> None:
        each_s = minutes * 60 / 4
        stage.wait(10, 10)
        refusals: dict[str, dict[str, object]] = {
            "503": {"spell": {"status": 503}},
            "429": {"spell": {"status": 429, "retry_after": 2}},
            "without an answer": {"spell": None, "hang_s": 30},
        }
        for name, knobs in refusals.items():
            with stage.during(f"FullStory {name}", "fullstory"):
                stage.world.turn(**knobs)
                stage.wait(each_s, each_s)
        stage.world.turn(hang_s=0)

    return lane


def partitions(every_s: float) -> Lane:
    """A lane in which the topic grows by a partition or two every so often."""

    def lane(stage: Stage) -> None:
        for _ in stage.turns(0.8 * every_s, 1.2 * every_s):
            if stage.world.partitions < PARTITIONS_MAX:
                count = stage.random.randint(1, 2)
                with stage.world.brokers_are_mine, stage.during("partitions added", TOPIC):
                    stage.world.add_partitions(count)

    return lane


def comes_and_goes(every_s: float) -> Lane:
    """A lane in which one more bridge joins, takes its share for a while and leaves in order."""

    def lane(stage: Stage) -> None:
        visitor = stage.world.member()
        for _ in stage.turns(0, 0.1):
            since_s = time.monotonic()
            with stage.during("member joins", visitor.name):
                visitor.start()
                wait_until(lambda: visitor.holds_any, f"{visitor.name} in the group", 60)
            stage.wait(every_s / 2, every_s / 2)
            stage.stop(visitor)
            left_s = max(0.0, every_s - (time.monotonic() - since_s))
            stage.wait(left_s, left_s)

    return lane


def _freeze(stage: Stage, member: Member, kind: str, least_s: float, most_s: float) -> None:
    with stage.during(kind, member.name):
        member.process.freeze()
        stage.wait(least_s, most_s)
        member.process.thaw()


def _restart(node: KafkaNode) -> None:
    node.terminate()
    node.start()
