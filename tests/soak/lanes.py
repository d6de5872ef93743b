"""Fault injection: loops that run in parallel, each with a random generator from the seed.

Invariants:
- A loop ends each fault before it starts the next one, and it stops on request.
- At most one broker is down; the next fault waits until all replicas are in sync again.
- The first bridge is only frozen, never stopped, so that its memory is measured for the whole run.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from tests.services.java import wait_until
from tests.services.kafka import KafkaNode
from tests.soak.member import Member
from tests.soak.timeline import Timeline
from tests.soak.world import DRAIN_S, SESSION_S, TOPIC, World

KILLED, TERMINATED, DRAIN_TIMEOUT = (
    "bridge SIGKILL",
    "bridge SIGTERM",
    "bridge SIGTERM, drain timeout",
)
CRASHED = "bridge crashed"
_END_WITHIN_S = DRAIN_S + 20
PARTITIONS_MAX = 30
Step = Callable[[], None]


class FaultThreads:
    """Runs every fault loop in a separate thread until `stop`; keeps the first failure."""

    def __init__(self, world: World, timeline: Timeline, seed: int) -> None:
        self._world = world
        self._timeline = timeline
        self._seed = seed
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    def start(self, name: str, loop: "FaultLoop") -> None:
        """Start a fault loop."""
        random = Random(f"{self._seed} {name}")
        thread = threading.Thread(target=self._run, args=(loop, random), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, timeout_s: float = 150) -> None:
        """Stop every loop after its current fault."""
        self._stopped.set()
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
            if thread.is_alive():
                self.failure = self.failure or TimeoutError(f"the fault loop {thread.name} hangs")

    def _run(self, loop: "FaultLoop", random: Random) -> None:
        try:
            loop(FaultContext(self._world, self._timeline, random, self._stopped))
        except BaseException as error:
            self.failure = self.failure or error


class FaultContext:
    """What a fault loop works with: the environment, the timeline and random numbers."""

    def __init__(
        self, world: World, timeline: Timeline, random: Random, stopped: threading.Event
    ) -> None:
        self.world = world
        self.random = random
        self._timeline = timeline
        self._stopped = stopped

    def repeat(self, least_s: float, most_s: float) -> Iterator[None]:
        """Yield repeatedly after a random delay between the two, until the loops stop."""
        while not self._stopped.wait(self.random.uniform(least_s, most_s)):
            yield

    def restart_crashed(self, members: Sequence[Member], since_s: float) -> None:
        """Record and restart members that crashed since a time."""
        for member in members:
            if not member.process.running:
                self._timeline.add(CRASHED, member.name, since_s)
                member.crash_logs.append(member.process.log_tail())
                member.start()

    def wait(self, least_s: float, most_s: float) -> None:
        """Wait for a random time between the two, or until the loops stop."""
        self._stopped.wait(self.random.uniform(least_s, most_s))

    @contextmanager
    def during(self, kind: str, target: str) -> Iterator[None]:
        """Record a fault that lasts as long as the block."""
        with self._timeline.during(kind, target):
            yield

    def kill(self, member: Member) -> None:
        """SIGKILL a bridge."""
        begin_s = time.time()
        member.process.kill()
        self._timeline.add(KILLED, member.name, begin_s)

    def stop(self, member: Member) -> None:
        """SIGTERM a bridge, and check whether it shuts down cleanly."""
        begin_s, since_s = time.time(), time.monotonic()
        member.process.terminate(_END_WITHIN_S)
        timed_out = time.monotonic() - since_s >= DRAIN_S
        clean = member.process.code == 0
        if not clean:
            member.crash_logs.append(f"code {member.process.code}: {member.process.log_tail()}")
        kind = (DRAIN_TIMEOUT if timed_out else TERMINATED) if clean else CRASHED
        self._timeline.add(kind, member.name, begin_s)


FaultLoop = Callable[[FaultContext], None]


def bridges(context: FaultContext) -> None:
    """Kill, terminate and freeze bridges, and restart them."""

    def kill() -> None:
        member = context.random.choice(killable)
        context.kill(member)
        context.wait(0, 5)
        member.start()

    def stop() -> None:
        member = context.random.choice(killable)
        context.stop(member)
        context.wait(0, 5)
        member.start()

    def freeze_shortly() -> None:
        _freeze(context, context.random.choice(members), "bridge SIGSTOP, within its session", 1, 5)

    def freeze_long() -> None:
        longest_s = 2.5 * SESSION_S
        member = context.random.choice(members)
        _freeze(context, member, "bridge SIGSTOP, past its session", SESSION_S + 3, longest_s)

    members = list(context.world.members)
    killable = members[1:]
    steps: Sequence[Step] = (kill, stop, freeze_shortly, freeze_long)
    checked_s = time.time()
    for _ in context.repeat(5, 20):
        context.restart_crashed(members, checked_s)
        checked_s = time.time()
        context.random.choices(steps, (40, 25, 15, 20))[0]()
    context.restart_crashed(members, checked_s)


def brokers(context: FaultContext) -> None:
    """Kill, freeze and restart brokers, one at a time."""

    def kill() -> None:
        node = context.random.choice(nodes)
        with context.during("broker SIGKILL", f"broker {node.id}"):
            node.kill()
            context.wait(0, 20)
            node.start()

    def freeze() -> None:
        node = context.random.choice(nodes)
        with context.during("broker SIGSTOP", f"broker {node.id}"):
            node.freeze()
            context.wait(1, 20)
            node.thaw()

    def roll() -> None:
        with context.during("rolling restart", "all brokers"):
            for node in nodes:
                _restart(node)
                context.world.kafka.wait_in_sync(TOPIC)

    nodes = context.world.kafka.nodes
    for _ in context.repeat(15, 60):
        with context.world.broker_lock:
            context.random.choices((kill, freeze, roll), (45, 35, 20))[0]()
            context.world.kafka.wait_in_sync(TOPIC)


def fullstory(context: FaultContext) -> None:
    """Inject periods of 429 and 503."""
    for _ in context.repeat(20, 80):
        status = context.random.choices((429, 503), (50, 50))[0]
        retry_after = {"retry_after": context.random.randint(1, 4)} if status == 429 else {}
        with context.during(f"FullStory {status}", "fullstory"):
            context.world.configure(fault_period={"status": status, **retry_after})
            context.wait(2, 20)
            context.world.configure(fault_period=None)


def outage(minutes: float) -> FaultLoop:
    """A loop in which FullStory fails most of the time: 503, then 429, then no response."""

    def loop(context: FaultContext) -> None:
        each_s = minutes * 60 / 4
        context.wait(10, 10)
        outages: dict[str, dict[str, object]] = {
            "503": {"fault_period": {"status": 503}},
            "429": {"fault_period": {"status": 429, "retry_after": 2}},
            "without a response": {"fault_period": None, "hang_s": 30},
        }
        for name, knobs in outages.items():
            with context.during(f"FullStory {name}", "fullstory"):
                context.world.configure(**knobs)
                context.wait(each_s, each_s)
        context.world.configure(hang_s=0)

    return loop


def partitions(every_s: float) -> FaultLoop:
    """A loop that adds one or two partitions to the topic about every `every_s` seconds."""

    def loop(context: FaultContext) -> None:
        for _ in context.repeat(0.8 * every_s, 1.2 * every_s):
            if context.world.partitions < PARTITIONS_MAX:
                count = context.random.randint(1, 2)
                with context.world.broker_lock, context.during("partitions added", TOPIC):
                    context.world.add_partitions(count)

    return loop


def churn(every_s: float) -> FaultLoop:
    """A loop in which one additional bridge joins, works for a while and leaves cleanly."""

    def loop(context: FaultContext) -> None:
        extra_member = context.world.member()
        for _ in context.repeat(0, 0.1):
            since_s = time.monotonic()
            with context.during("member joins", extra_member.name):
                extra_member.start()
                wait_until(lambda: extra_member.holds_any, f"{extra_member.name} in the group", 60)
            context.wait(every_s / 2, every_s / 2)
            context.stop(extra_member)
            left_s = max(0.0, every_s - (time.monotonic() - since_s))
            context.wait(left_s, left_s)

    return loop


def _freeze(
    context: FaultContext, member: Member, kind: str, least_s: float, most_s: float
) -> None:
    with context.during(kind, member.name):
        member.process.freeze()
        context.wait(least_s, most_s)
        member.process.thaw()


def _restart(node: KafkaNode) -> None:
    node.terminate()
    node.start()
