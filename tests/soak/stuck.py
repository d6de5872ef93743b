"""One record is stuck for a minute while 1,000 later records per second settle; then SIGKILL.

    python -m tests.soak.stuck --rate 1000 --seconds 60

It prints how many events the next bridge sends again. Offsets settled above the stuck record are in
the commit metadata, so these are at most the budget. Exit 1 if there are more, or if a record is
lost.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from tests.soak.reconciliation import ArrivalCounts, DuplicateSource, reconcile
from tests.soak.world import DEAD_LETTERS, TOPIC, World, wait_for
from tests.soak.writer import Writer

_STUCK = "usr:stuck"
_NUMBER = 2_000
"""The record whose user FullStory does not know yet; its 404 is retried."""


def _user_of(n: int) -> str:
    return _STUCK if n == _NUMBER else f"usr:{n % 997}"


def run(world: World, rate: float, seconds: float) -> bool:
    """Whether the guarantee was kept."""
    member = world.member()
    member.start()
    wait_for(lambda: member.holds_any, "the bridge in the group", 60)
    wait_for(lambda: world.uncommitted() == {}, "its position committed", 30)
    world.configure(unknown=[_STUCK])
    writer = Writer(world.producer_settings(), TOPIC, world.schema_id, rate, user_of=_user_of)
    counts = ArrivalCounts()
    started_s = time.monotonic()
    writer.start()
    while time.monotonic() - started_s < _NUMBER / rate + seconds:
        time.sleep(5)
        counts.add(world.arrivals.new())
        behind = sum((world.uncommitted() or {}).values())
        _say(f"{writer.records.written} written, {counts.accepted} arrived, {behind} not committed")
    killed_s = time.time()
    member.process.kill()
    counts.add(world.arrivals.new())
    passed = counts.accepted - _NUMBER
    held = member.held_partitions(killed_s, killed_s)
    world.configure(unknown=[])
    member.start()
    writer.stop(60)
    wait_for(lambda: world.uncommitted() == {}, "everything committed", 240)
    member.process.terminate(60)
    counts.add(world.arrivals.new())
    source = DuplicateSource("bridge SIGKILL", member.name, killed_s, killed_s, held)
    result = reconcile(counts, writer.records.partition_of, [source], world.budget)
    _say(
        f"{writer.records.acknowledged} in Kafka, {world.record_count(DEAD_LETTERS)} dead letters, "
        f"{passed} settled above the stuck record; {len(result.lost)} lost, "
        f"{len(counts.duplicates)} duplicates (budget {world.budget})"
    )
    return result.holds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.stuck")
    parser.add_argument("--rate", type=float, default=1_000.0, help="records per second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is stuck")
    options = parser.parse_args(arguments)
    more = {"unknown_user_wait_s": 600}
    world = World(
        partitions=1, budget=1_000, latency_s=0.05, protocol="cooperative", fullstory=more
    )
    try:
        with world:
            return 0 if run(world, options.rate, options.seconds) else 1
    finally:
        shutil.rmtree(world.root, ignore_errors=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
