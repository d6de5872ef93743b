"""One record is stuck for a minute while a thousand a second pass it, then `kill -9`.

    python -m tests.soak.stuck --rate 1000 --seconds 60

It tells how many events the next bridge sends again: what is settled above the stuck record stands
in the commits' metadata, so it is at most the budget, not all that passed. Exit 1 when it is more,
or when something is lost.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from tests.soak.reconciliation import Account, Excuse, judge
from tests.soak.world import LETTERS, TOPIC, World, wait_for
from tests.soak.writer import NOT_ACKNOWLEDGED, Writer

_STUCK = "usr:stuck"
_NUMBER = 2_000
"""The record whose user FullStory does not know yet; 404s are asked about again and again."""


def _user_of(n: int) -> str:
    return _STUCK if n == _NUMBER else f"usr:{n % 997}"


def run(world: World, rate: float, seconds: float) -> bool:
    """Whether the promise was kept."""
    member = world.member()
    member.start()
    wait_for(lambda: member.holds_any, "the bridge in the group", 60)
    wait_for(lambda: world.unread() == {}, "its position committed", 30)
    world.turn(unknown=[_STUCK])
    writer = Writer(world.producer_settings(), TOPIC, world.schema_id, rate, _user_of)
    account = Account()
    begun_s = time.monotonic()
    writer.start()
    while time.monotonic() - begun_s < _NUMBER / rate + seconds:
        time.sleep(5)
        account.note(world.arrivals.new())
        behind = sum((world.unread() or {}).values())
        _say(f"{writer.written} written, {account.accepted} arrived, {behind} not committed")
    killed_s = time.time()
    member.process.kill()
    account.note(world.arrivals.new())
    passed = account.accepted - _NUMBER
    held = member.held(killed_s, killed_s)
    world.turn(unknown=[])
    member.start()
    writer.stop(60)
    wait_for(lambda: world.unread() == {}, "everything committed", 240)
    member.process.terminate(60)
    account.note(world.arrivals.new())
    excuse = Excuse("bridge SIGKILL", member.name, killed_s, killed_s, held)
    verdict = judge(account, writer.partition_of, NOT_ACKNOWLEDGED, [excuse], world.budget)
    _say(
        f"{writer.acknowledged} in Kafka, {world.held(LETTERS)} dead letters, {passed} had passed "
        f"the stuck record; {len(verdict.lost)} lost, {len(account.again)} twice "
        f"(budget {world.budget})"
    )
    return verdict.holds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.stuck")
    parser.add_argument("--rate", type=float, default=1_000.0, help="records a second")
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
