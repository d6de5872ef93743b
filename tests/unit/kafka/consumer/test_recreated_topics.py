"""Topics that are deleted and made anew: nothing of the old one is believed of the new one."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from bridge.delivery.commit_metadata import CommitMetadata, decode, encode
from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.topic_ids import short
from bridge.observer import Assigned, HaltedScope, Info, Revoked
from tests.unit.kafka.consumer.fake_consumer import Bridge, Turn, brings
from tests.unit.kafka.lookups import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message

OLD, NEW = "tJddCjSpTzmGf39UCDRbLw", "5KaE4SRkQCqK3I4FXVPRyQ"
A, B = short("c", OLD), short("c", NEW)
TOLD = Info("the topic t was deleted and made anew: it is read from its beginning")
LEFT_THE_LOG = KafkaError(KafkaError._AUTO_OFFSET_RESET)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that asks in each turn, and a Kafka that tells ids."""
    monkeypatch.setattr(recreated_topics, "ASK_AGAIN_S", 0.0)
    bridge = Bridge(monkeypatch)
    bridge.admin.ids["t"] = OLD
    return bridge


def _makes_anew(bridge: Bridge, commits: bool = True) -> Turn:
    """The topic is made anew; Kafka forgets what was committed, unless it came late."""

    def turn() -> None:
        bridge.admin.ids["t"] = NEW
        if not commits:
            bridge.consumer.commits.clear()

    return turn


def _offsets(bridge: Bridge) -> list[int]:
    return [record.offset for record in bridge.records]


def _told_ids(bridge: Bridge) -> list[int | None]:
    """Of which topic the commits of partition 0 say they are."""
    at = [line.split()[-1] for line in bridge.consumer.log if line.startswith("commit 0")]
    commits = zip(bridge.consumer.metadata, at, strict=True)
    listed = [decode(metadata, int(base)) for metadata, base in commits]
    return [one.topic_id if one else None for one in listed]


def test_a_commit_says_of_which_topic_it_is(bridge: Bridge) -> None:
    """Also where the commit that a partition began with did not."""
    bridge.run(bridge.assign(0), brings(Message(500)), brings())
    assert _told_ids(bridge) == [A]


@pytest.mark.parametrize("told", [None, "AAAAAAAAAAAAAAAAAAAAAA"], ids=["none", "an id of zero"])
def test_where_kafka_tells_no_id_all_goes_on_as_it_always_did(
    bridge: Bridge, told: str | None
) -> None:
    """No right to it, or a broker that knows none: what a commit tells is kept."""
    bridge.admin.ids = {"t": told} if told else {}
    bridge.consumer.commits[0] = (500, encode(500, 4, [(501, 502)], A))
    bridge.run(bridge.assign(0), brings(Message(500), Message(501), Message(502)), brings())
    assert _offsets(bridge) == [500, 502]
    assert _told_ids(bridge)[-1] == A
    assert bridge.told(Info) == []


@pytest.mark.parametrize("cluster", [None, "spare"], ids=["not told", "another one"])
def test_in_another_cluster_a_commit_that_was_carried_over_is_obeyed(
    bridge: Bridge, cluster: str | None
) -> None:
    """The topics have other ids there, and are the same."""
    bridge.admin.cluster, bridge.admin.ids["t"] = cluster, NEW
    bridge.consumer.commits[0] = (500, encode(500, 4, [(501, 502)], A))
    bridge.run(bridge.assign(0), brings(Message(500), Message(501), Message(502)), brings())
    assert _offsets(bridge) == [500, 502]
    assert bridge.told(Info) == []


@pytest.mark.parametrize("commits", [True, False], ids=["committed since", "commits forgotten"])
def test_a_topic_that_is_made_anew_goes_on_at_its_beginning(bridge: Bridge, commits: bool) -> None:
    """Its first records are read, wherever the old one was committed, and it is told once."""
    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        _makes_anew(bridge, commits=commits),
        brings(),
        brings(Message(LOW), Message(LOW + 1)),
        brings(),
    )
    assert _offsets(bridge) == [500, LOW, LOW + 1]
    assert bridge.consumer.log[-2:] == [f"commit 0 at {LOW + 2}", "left"]
    assert _told_ids(bridge)[-1] == B
    assert bridge.told(Info) == [TOLD]
    assert [type(fact) for fact in bridge.facts if isinstance(fact, Assigned | Revoked)] == [
        Assigned,
        Revoked,
        Assigned,
    ]


def test_other_topics_partitions_are_let_alone(bridge: Bridge) -> None:
    """Both partitions of the topic begin anew, and no one's pause is forgotten."""
    bridge.run(bridge.assign(0, 1), _makes_anew(bridge), brings(), brings())
    assert bridge.consumer.assigned == {0: LOW, 1: LOW}
    assert bridge.consumer.still == {0, 1}  # as all is, at the end


def test_a_commit_that_was_made_under_a_topic_that_is_no_more_lists_nothing(bridge: Bridge) -> None:
    """A bridge was killed before it noticed; this one was never there."""
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (50, encode(50, 4, [(LOW + 1, 502)], A))
    bridge.run(
        bridge.assign(0),
        brings(),
        brings(),
        brings(Message(LOW), Message(LOW + 1)),
        brings(),
    )
    assert _offsets(bridge) == [LOW, LOW + 1]
    assert bridge.told(Info) == [TOLD]


def test_an_offset_that_says_of_no_topic_is_of_the_one_that_there_is(bridge: Bridge) -> None:
    """A person has set it, or a bridge of before."""
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (300, "")
    bridge.run(bridge.assign(0), brings(), brings())
    assert bridge.consumer.assigned == {0: 300}
    assert bridge.told(Info) == []


def test_what_is_under_way_of_the_old_topic_goes_on_and_settles_nothing_of_the_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can read it again; and its offsets are other records now."""
    monkeypatch.setattr(recreated_topics, "ASK_AGAIN_S", 0.0)
    bridge = Bridge(monkeypatch, settles=False)
    bridge.admin.ids["t"] = OLD

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    bridge.run(
        bridge.assign(0),
        brings(Message(LOW + 400)),
        _makes_anew(bridge),
        brings(),
        brings(*[Message(offset) for offset in range(LOW, LOW + 401)]),
        bridge.assign(1),
        settle_late,
        brings(),
    )
    old, *new = bridge.records
    assert old.assignment.open
    assert [record.offset for record in new] == list(range(LOW, LOW + 401))
    assert bridge.consumer.log[-2:] == [f"commit 0 at {LOW}", "left"]
    assert decode(bridge.consumer.metadata[-1], LOW) == CommitMetadata(LOW, 0, (), B)
    assert bridge.safe == 1


def test_events_answered_of_the_old_topic_give_their_places_in_the_budget_back(
    bridge: Bridge,
) -> None:
    """No commit will ever acknowledge them."""
    bridge.consumer.answers = False
    bridge.run(
        bridge.assign(0),
        brings(Message(500), Message(501)),
        brings(),
        _makes_anew(bridge),
        brings(),
    )
    assert bridge.safe == 2


def test_what_was_parked_of_the_old_topic_is_forgotten(bridge: Bridge) -> None:
    """Lost, made anew, and back with an offset that a bridge committed to the new one."""

    def back() -> None:
        _makes_anew(bridge)()
        bridge.consumer.commits[0] = (LOW, encode(LOW, 0, [], B))

    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        brings(),
        bridge.lose(0),
        back,
        bridge.assign(0),
        brings(Message(LOW), Message(500)),
        brings(),
    )
    assert _offsets(bridge) == [500, LOW, 500]


def test_a_topic_that_was_made_anew_while_its_partition_was_away_begins_at_its_beginning(
    bridge: Bridge,
) -> None:
    """Without a commit `start` would say, and skip what was written meanwhile."""
    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        brings(),
        bridge.lose(0),
        _makes_anew(bridge, commits=False),
        bridge.assign(0),
        brings(),
    )
    assert bridge.consumer.assigned == {0: LOW}


def test_a_partition_that_comes_while_kafka_is_asked_waits_for_the_answer(bridge: Bridge) -> None:
    """Where it begins is not looked up under an id that may be old."""

    def silent() -> None:
        bridge.admin.silent = True

    waits: list[dict[int, int]] = []
    bridge.consumer.commits.clear()
    bridge.run(
        silent,
        brings(),
        bridge.assign(0),
        brings(),
        lambda: waits.append(dict(bridge.consumer.assigned)),
        bridge.admin.answer,
        brings(),
        brings(),
    )
    assert waits[0][0] != HIGH
    assert bridge.consumer.assigned == {0: HIGH}


def test_a_position_out_of_the_log_of_a_topic_that_is_made_anew_halts_nothing(
    bridge: Bridge,
) -> None:
    """It is the old topic's: the new one is shorter."""

    def out_of_range() -> Sequence[Message]:
        _makes_anew(bridge)()
        return [Message(501, error=LEFT_THE_LOG)]

    bridge.run(bridge.assign(0), brings(Message(500)), out_of_range, brings(), brings())
    assert bridge.told(HaltedScope) == []
    assert bridge.consumer.assigned == {0: LOW}


@pytest.mark.parametrize("told", [True, False], ids=["the same topic", "no answer"])
def test_a_position_out_of_the_log_of_the_same_topic_halts_as_ever(
    bridge: Bridge, told: bool
) -> None:
    """Also where it cannot be known which topic it is; then a new one ends the halt."""

    def silent() -> None:
        if not told:
            bridge.admin.ids.clear()

    bridge.run(
        bridge.assign(0),
        silent,
        brings(Message(500, error=LEFT_THE_LOG)),
        brings(),
        _makes_anew(bridge),
        brings(),
        brings(Message(LOW)),
    )
    assert [type(one) for one in bridge.facts if isinstance(one, HaltedScope | Revoked)] == [
        HaltedScope,
        Revoked,
    ]
    assert _offsets(bridge) == [LOW]


def test_a_position_out_of_the_log_of_a_partition_that_went_is_nothing_any_more(
    bridge: Bridge,
) -> None:
    """It came back before Kafka answered; should it be out of the log still, it is told again."""

    def silent() -> None:
        bridge.admin.silent = True

    bridge.run(
        bridge.assign(0),
        silent,
        brings(Message(500, error=LEFT_THE_LOG)),
        bridge.lose(0),
        bridge.assign(0),
        bridge.admin.answer,
        brings(),
        brings(),
    )
    assert bridge.told(HaltedScope) == []


def test_an_answer_that_was_on_its_way_before_a_partition_came_says_nothing_of_it(
    bridge: Bridge,
) -> None:
    """Another member has committed to the new topic since; the old answer would begin it anew."""

    def silent() -> None:
        bridge.admin.silent = True

    def made_anew_and_committed() -> None:
        _makes_anew(bridge)()
        bridge.consumer.commits[0] = (700, encode(700, 0, [], B))
        bridge.assign(0)()
        bridge.admin.answer()

    bridge.run(silent, brings(), made_anew_and_committed, brings(), brings())
    assert bridge.consumer.assigned == {0: 700}
    assert bridge.told(Info) == []


def test_an_answer_that_never_comes_holds_nothing_up(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition that has no commit waits for the answer, and not for ever."""
    monkeypatch.setattr(recreated_topics, "GIVEN_UP_AFTER_S", 0.0)

    def silent() -> None:
        bridge.admin.silent = True

    bridge.consumer.commits.clear()
    bridge.run(brings(), silent, bridge.assign(0), brings(), brings(Message(HIGH)), brings())
    assert _offsets(bridge) == [HIGH]


def test_a_question_that_cannot_be_asked_ends_nothing(bridge: Bridge) -> None:
    """The client's queue may be full; it is asked again."""

    def refuse(**_: object) -> None:
        raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))

    bridge.admin.describe_cluster = refuse  # type: ignore[method-assign,assignment]
    bridge.run(bridge.assign(0), brings(Message(500)), brings())
    assert _offsets(bridge) == [500]


def test_a_topic_with_fewer_partitions_holds_none_of_the_others_up(bridge: Bridge) -> None:
    """The group takes what is no more away, sooner or later."""

    def fewer() -> None:
        _makes_anew(bridge, commits=False)()
        bridge.consumer.partitions = 1

    bridge.run(bridge.assign(0, 1), fewer, brings(), brings(Message(LOW)), brings())
    assert bridge.consumer.assigned[0] == LOW
    assert _offsets(bridge) == [LOW]
    assert bridge.told(Assigned)[-1] == Assigned([("t", 0)])


def _at_once(*turns: Turn) -> Turn:
    """All of them while the thread waits in one call."""

    def turn() -> None:
        for one in turns:
            one()

    return turn


def test_a_partition_is_held_under_the_id_that_was_told_before_its_offset(bridge: Bridge) -> None:
    """Made anew between the two, it is found out: with a first beginning, or a commit of before."""
    bridge.consumer.commits.clear()
    bridge.run(bridge.assign(0), _makes_anew(bridge), brings())
    assert bridge.consumer.assigned == {0: LOW}


def test_a_commit_without_an_id_is_held_under_the_one_that_was_told_before(bridge: Bridge) -> None:
    """As a bridge of before wrote it; and the topic is made anew right after it was read."""
    bridge.run(_at_once(bridge.assign(0), _makes_anew(bridge)), brings(), brings())
    assert bridge.consumer.assigned == {0: LOW}


def test_what_is_gone_on_with_before_its_first_commit_keeps_its_id(bridge: Bridge) -> None:
    """The topic is made anew while the partition comes back."""
    bridge.consumer.answers = False
    bridge.consumer.commits.clear()
    back = _at_once(bridge.lose(0), bridge.assign(0), _makes_anew(bridge))
    bridge.run(bridge.assign(0), brings(Message(HIGH)), back, brings(), brings())
    assert bridge.consumer.assigned == {0: LOW}


def test_an_id_that_is_told_late_is_held_from_then_on(bridge: Bridge) -> None:
    """Kafka did not answer when the partition came."""
    tells_late = bridge.admin.ids.copy()
    bridge.admin.ids.clear()
    bridge.run(
        bridge.assign(0),
        lambda: bridge.admin.ids.update(tells_late),
        brings(),
        _makes_anew(bridge),
        brings(),
        brings(),
    )
    assert bridge.consumer.assigned == {0: LOW}


def test_kafka_is_asked_at_once_when_a_partition_comes_and_else_every_few_seconds(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read until the answer comes twice, if the topic is another one."""
    monkeypatch.setattr(recreated_topics, "ASK_AGAIN_S", 1e6)
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (50, encode(50, 4, [], A))
    bridge.run(brings(), brings(), bridge.assign(0), brings(), brings(), brings())
    assert bridge.consumer.assigned == {0: LOW}
    assert bridge.admin.asked == 2
