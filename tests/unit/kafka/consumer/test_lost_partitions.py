"""Partitions that were lost and come back: what was known of them is not forgotten."""

import pytest

from bridge.delivery.commit_metadata import encode
from tests.unit.kafka.consumer.fake_consumer import Bridge, Turn, brings
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge whose broker answers no commit, as one that is away."""
    bridge = Bridge(monkeypatch)
    bridge.consumer.answers = False
    return bridge


def _offsets(bridge: Bridge) -> list[int]:
    return [record.offset for record in bridge.records]


def _answers_again(bridge: Bridge) -> Turn:
    def turn() -> None:
        bridge.consumer.answers = True

    return turn


AGAIN = [Message(500), Message(501), Message(502)]


def test_what_was_delivered_before_a_loss_is_not_sent_again(bridge: Bridge) -> None:
    """The commit still says 500; what comes from there on is known."""
    log = bridge.run(
        bridge.assign(0),
        brings(Message(500), Message(501)),
        brings(),
        bridge.lose(0),
        _answers_again(bridge),
        bridge.assign(0),
        brings(*AGAIN),
    )
    assert _offsets(bridge) == [500, 501, 502]
    assert log[-2:] == ["commit 0 at 503", "left"]


def test_what_was_answered_after_the_loss_is_not_sent_again_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request was under way when the partition went; its answer is noted where it belongs."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.consumer.answers = False

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    bridge.run(
        bridge.assign(0),
        brings(Message(500), Message(501)),
        bridge.lose(0),
        settle_late,
        _answers_again(bridge),
        bridge.assign(0),
        brings(*AGAIN),
    )
    assert _offsets(bridge) == [500, 501, 501, 502]


def test_what_is_under_way_is_waited_for_before_the_partition_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer comes while the poll thread takes the partition back."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.consumer.answers = False

    def answered_while_draining() -> None:
        bridge.on_drain = lambda: bridge.poller.settled.add(bridge.records[0], 1)
        bridge.assign(0)()

    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        bridge.lose(0),
        answered_while_draining,
        brings(*AGAIN),
    )
    assert _offsets(bridge) == [500, 501, 502]


@pytest.mark.parametrize(
    ("offset", "metadata", "sent"),
    [
        (500, encode(500, 4, []), [502]),
        (501, encode(501, 4, []), [502]),
        (500, "", [500, 501, 502]),
        (500, encode(499, 4, []), [500, 501, 502]),
    ],
    ids=["nobody committed", "another bridge did", "a person did", "a person moved it"],
)
def test_only_a_bridges_commit_lets_what_was_parked_count(
    bridge: Bridge, offset: int, metadata: str, sent: list[int]
) -> None:
    """A person who moves the offset wants the records again."""

    def committed_meanwhile() -> None:
        bridge.consumer.commits[0] = (offset, metadata)

    bridge.run(
        bridge.assign(0),
        brings(Message(500), Message(501)),
        brings(),
        bridge.lose(0),
        committed_meanwhile,
        bridge.assign(0),
        brings(*[one for one in AGAIN if one.offset() >= offset]),
    )
    assert _offsets(bridge) == [500, 501, *sent]


def test_a_partition_lost_before_its_first_commit_goes_on_where_it_began(bridge: Bridge) -> None:
    """`start: latest` would begin at the end of the log, and leave a hole."""
    bridge.consumer.commits.clear()

    def grown() -> None:
        bridge.consumer.high = 950
        bridge.assign(0)()

    bridge.run(bridge.assign(0), brings(Message(900)), brings(), bridge.lose(0), grown)
    assert bridge.consumer.assigned[0] == 900


def test_a_group_whose_offsets_a_person_deleted_begins_anew(bridge: Bridge) -> None:
    """What was committed once and is no more was taken away on purpose."""
    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        brings(),
        bridge.lose(0),
        bridge.consumer.commits.clear,
        bridge.assign(0),
    )
    assert bridge.consumer.assigned[0] == 900
