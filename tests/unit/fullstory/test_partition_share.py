"""This process's share of the account's rate."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.errors import Unavailable
from bridge.fullstory.partition_share import COUNT_RETRY_S, PartitionShare
from bridge.observer import Assigned, Polled, Revoked
from tests.unit.virtual_time import run, settle_down


def _counts(*counts: int | None) -> Callable[[], Awaitable[int]]:
    """Returns these partition counts in order; None means that Kafka does not respond."""
    remaining = list(counts)

    async def count() -> int:
        next_count = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if next_count is None:
            raise Unavailable("Kafka does not answer")
        return next_count

    return count


def test_the_share_follows_rebalances() -> None:
    """Also if the topic has grown meanwhile."""

    async def scenario() -> None:
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

    run(scenario())


def test_without_partitions_the_share_is_zero() -> None:
    """With more partitions than Kafka counted, the share is 1."""

    async def scenario() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(0), shares.append)
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        share.notify(Revoked([("t", 0)], lost=True))
        await settle_down()
        assert shares == [1.0, 0.0]

    run(scenario())


def test_the_count_is_retried_for_the_latest_change_only() -> None:
    """Until then the old share applies."""

    async def scenario() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(None, None, None, 4), shares.append)
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        share.notify(Assigned([("t", 1)]))
        await settle_down()
        assert shares == []
        await asyncio.sleep(3 * COUNT_RETRY_S)
        assert shares == [0.5]

    run(scenario())


def test_after_close_nothing_is_counted() -> None:
    """The bridge has stopped."""

    async def scenario() -> None:
        shares: list[float] = []
        share = PartitionShare(_counts(None, 4), shares.append)
        await share.close()
        share.notify(Assigned([("t", 0)]))
        await settle_down()
        await share.close()
        await asyncio.sleep(2 * COUNT_RETRY_S)
        assert shares == []

    run(scenario())
