"""When topic ids are requested, and what their answers decide."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer import recreated_topics
from bridge.observer import HaltedScope, Info, Revoked
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.consumer.recreated_topic import (
    NEW,
    NEW_SHORT_ID,
    OLD_SHORT_ID,
    bridge_with_topic_ids,
    offsets,
    recreate,
)
from tests.unit.kafka.fake_kafka import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message

OUT_OF_RANGE = KafkaError(KafkaError._AUTO_OFFSET_RESET)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that checks ids in each iteration, and a Kafka that reports them."""
    return bridge_with_topic_ids(monkeypatch)


def test_a_partition_assigned_during_a_request_waits_for_the_answer(bridge: Bridge) -> None:
    """Its start is not looked up under an id that may be outdated."""

    def go_silent() -> None:
        bridge.admin.silent = True

    assignments: list[dict[int, int]] = []
    bridge.consumer.commits.clear()
    bridge.run(
        go_silent,
        returns(),
        bridge.assign(0),
        returns(),
        lambda: assignments.append(dict(bridge.consumer.assigned)),
        bridge.admin.answer,
        returns(),
        returns(),
    )
    assert assignments[0][0] != HIGH
    assert bridge.consumer.assigned == {0: HIGH}


def test_an_out_of_range_position_of_a_recreated_topic_does_not_halt(
    bridge: Bridge,
) -> None:
    """It belongs to the old topic; the new one is shorter."""

    def out_of_range() -> Sequence[Message]:
        recreate(bridge)()
        return [Message(501, error=OUT_OF_RANGE)]

    bridge.run(bridge.assign(0), returns(Message(500)), out_of_range, returns(), returns())
    assert bridge.facts_of(HaltedScope) == []
    assert bridge.consumer.assigned == {0: LOW}


@pytest.mark.parametrize("id_known", [True, False], ids=["the same topic", "no id"])
def test_an_out_of_range_position_of_the_same_topic_halts(bridge: Bridge, id_known: bool) -> None:
    """Also if the topic id is unknown; a recreated topic then ends the halt."""

    def go_silent() -> None:
        if not id_known:
            bridge.admin.ids.clear()

    bridge.run(
        bridge.assign(0),
        go_silent,
        returns(Message(500, error=OUT_OF_RANGE)),
        returns(),
        recreate(bridge),
        returns(),
        returns(Message(LOW)),
    )
    assert [type(one) for one in bridge.facts if isinstance(one, HaltedScope | Revoked)] == [
        HaltedScope,
        Revoked,
    ]
    assert offsets(bridge) == [LOW]


def test_an_out_of_range_error_is_not_lost_with_a_request_that_was_never_sent(
    bridge: Bridge,
) -> None:
    """The partition halts after the next answer."""

    def reject() -> None:
        bridge.admin.rejected = 2

    bridge.run(
        bridge.assign(0),
        reject,
        returns(Message(500, error=OUT_OF_RANGE)),
        *[returns()] * 4,
    )
    assert len(bridge.facts_of(HaltedScope)) == 1


def test_an_out_of_range_error_of_a_lost_partition_is_dropped(
    bridge: Bridge,
) -> None:
    """It came back before Kafka answered; if still out of range, it is reported again."""

    def go_silent() -> None:
        bridge.admin.silent = True

    bridge.run(
        bridge.assign(0),
        go_silent,
        returns(Message(500, error=OUT_OF_RANGE)),
        bridge.lose(0),
        bridge.assign(0),
        bridge.admin.answer,
        returns(),
        returns(),
    )
    assert bridge.facts_of(HaltedScope) == []


def test_an_answer_requested_before_an_assignment_does_not_apply_to_it(
    bridge: Bridge,
) -> None:
    """Another member has committed to the new topic; the old answer would restart it."""

    def go_silent() -> None:
        bridge.admin.silent = True

    def recreated_and_committed() -> None:
        recreate(bridge)()
        bridge.consumer.commits[0] = (700, encode(700, 0, [], NEW_SHORT_ID))
        bridge.assign(0)()
        bridge.admin.answer()

    bridge.run(go_silent, returns(), recreated_and_committed, returns(), returns())
    assert bridge.consumer.assigned == {0: 700}
    assert bridge.facts_of(Info) == []


def test_a_missing_answer_delays_nothing_for_ever(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition without a commit waits for the answer, but not for ever."""
    monkeypatch.setattr(recreated_topics, "GIVE_UP_AFTER_S", 0.0)

    def go_silent() -> None:
        bridge.admin.silent = True

    bridge.consumer.commits.clear()
    bridge.run(returns(), go_silent, bridge.assign(0), returns(), returns(Message(HIGH)), returns())
    assert offsets(bridge) == [HIGH]


def test_a_request_that_cannot_be_sent_is_retried(bridge: Bridge) -> None:
    """The client's queue may be full."""

    def reject(**_: object) -> None:
        raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))

    bridge.admin.describe_cluster = reject  # type: ignore[method-assign,assignment]
    bridge.run(bridge.assign(0), returns(Message(500)), returns())
    assert offsets(bridge) == [500]


def test_ids_are_requested_after_an_assignment_and_every_few_seconds(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records read before the answer are sent twice if the topic was recreated."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 1e6)
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (50, encode(50, 4, [], OLD_SHORT_ID))
    bridge.run(returns(), returns(), bridge.assign(0), returns(), returns(), returns())
    assert bridge.consumer.assigned == {0: LOW}
    assert bridge.admin.request_count == 2
