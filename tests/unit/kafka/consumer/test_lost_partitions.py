"""Partitions that are lost and come back keep their progress."""

import pytest

from bridge.delivery.commit_metadata import encode
from tests.unit.kafka.consumer.fake_consumer import Bridge, Step, returns
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge whose broker does not answer commits, as in an outage."""
    bridge = Bridge(monkeypatch)
    bridge.consumer.answers_commits = False
    return bridge


def _offsets(bridge: Bridge) -> list[int]:
    return [record.offset for record in bridge.records]


def _answer_commits(bridge: Bridge) -> Step:
    def step() -> None:
        bridge.consumer.answers_commits = True

    return step


REPEATED = [Message(500), Message(501), Message(502)]


def test_events_delivered_before_a_loss_are_not_sent_again(bridge: Bridge) -> None:
    """The commit is still at 500, but the records settled after it are known."""
    log = bridge.run(
        bridge.assign(0),
        returns(Message(500), Message(501)),
        returns(),
        bridge.lose(0),
        _answer_commits(bridge),
        bridge.assign(0),
        returns(*REPEATED),
    )
    assert _offsets(bridge) == [500, 501, 502]
    assert log[-2:] == ["commit 0 at 503", "left"]


def test_events_answered_after_a_loss_are_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request was in flight at the loss; its answer is noted in the former state."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.consumer.answers_commits = False

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    bridge.run(
        bridge.assign(0),
        returns(Message(500), Message(501)),
        bridge.lose(0),
        settle_late,
        _answer_commits(bridge),
        bridge.assign(0),
        returns(*REPEATED),
    )
    assert _offsets(bridge) == [500, 501, 501, 502]


def test_requests_in_flight_end_before_the_partition_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer arrives while the poll thread handles the new assignment."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.consumer.answers_commits = False

    def answered_while_draining() -> None:
        bridge.on_drain = lambda: bridge.poller.settled.add(bridge.records[0], 1)
        bridge.assign(0)()

    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        bridge.lose(0),
        answered_while_draining,
        returns(*REPEATED),
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
    ids=["no commit", "commit of a bridge", "commit of a person", "offset moved by a person"],
)
def test_former_progress_counts_only_with_a_commit_of_a_bridge(
    bridge: Bridge, offset: int, metadata: str, sent: list[int]
) -> None:
    """A person who moves the offset wants to read the records again."""

    def committed_meanwhile() -> None:
        bridge.consumer.commits[0] = (offset, metadata)

    bridge.run(
        bridge.assign(0),
        returns(Message(500), Message(501)),
        returns(),
        bridge.lose(0),
        committed_meanwhile,
        bridge.assign(0),
        returns(*[one for one in REPEATED if one.offset() >= offset]),
    )
    assert _offsets(bridge) == [500, 501, *sent]


def test_a_partition_lost_before_its_first_commit_resumes_at_its_start(bridge: Bridge) -> None:
    """`start: latest` would start at the end of the log and leave a gap."""
    bridge.consumer.commits.clear()

    def reassign_after_growth() -> None:
        bridge.consumer.high = 950
        bridge.assign(0)()

    bridge.run(
        bridge.assign(0), returns(Message(900)), returns(), bridge.lose(0), reassign_after_growth
    )
    assert bridge.consumer.assigned[0] == 900


def test_a_group_whose_offsets_were_deleted_uses_start_again(bridge: Bridge) -> None:
    """A committed offset that no longer exists was deleted on purpose."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        returns(),
        bridge.lose(0),
        bridge.consumer.commits.clear,
        bridge.assign(0),
    )
    assert bridge.consumer.assigned[0] == 900
