"""Which part of the account's rate is this process's own."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.errors import Unavailable
from bridge.fullstory.partition_share import ASK_AGAIN_S, PartitionShare
from bridge.observer import Assigned, Polled, Revoked
from tests.unit.virtual_time import run, settle_down


def _counts(*told: int | None) -> Callable[[], Awaitable[int]]:
    """How many partitions there are, each time it is asked; None: Kafka does not answer."""
    left = list(told)

    async def count() -> int:
        found = left.pop(0) if len(left) > 1 else left[0]
        if found is None:
            raise Unavailable("Kafka does not answer")
        return found

    return count


def test_the_share_follows_what_the_group_gives_and_takes() -> None:
    """Also when the topic has grown meanwhile."""

    async def story() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(4, 4, 6), shares.append)
        share.notify(Assigned([("t", 0), ("t", 1), ("t", 2), ("t", 3)]))
        await settle_down()
        share.notify(Polled(3))
        share.notify(Revoked([("t", 3), ("t", 2)], lost=False))
        await settle_down()
        share.notify(Assigned([("t", 4)]))
        await settle_down()
        assert shares == [1.0, 0.5, 0.5]

    run(story())


def test_a_group_that_gave_us_nothing_is_no_share() -> None:
    """And more partitions than Kafka counted are all of them."""

    async def story() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(0), shares.append)
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        share.notify(Revoked([("t", 0)], lost=True))
        await settle_down()
        assert shares == [1.0, 0.0]

    run(story())


def test_kafka_is_asked_again_until_it_answers_and_only_for_the_newest_change() -> None:
    """Until then the old share stands."""

    async def story() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(None, None, None, 4), shares.append)
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        share.notify(Assigned([("t", 1)]))
        await settle_down()
        assert shares == []
        await asyncio.sleep(3 * ASK_AGAIN_S)
        assert shares == [0.5]

    run(story())


def test_a_closed_one_asks_no_more() -> None:
    """The bridge has stopped."""

    async def story() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(None, 4), shares.append)
        await share.close()
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        await share.close()
        await asyncio.sleep(2 * ASK_AGAIN_S)
        assert shares == []

    run(story())
