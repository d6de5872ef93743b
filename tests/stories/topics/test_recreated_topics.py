"""Topics that are deleted and made anew: their names and offsets are the same, their records not.

Kafka forgets a group's offsets with the topic. But a bridge that runs goes on at its old offset
when the new topic is there, as its client tells it nothing, and commits that.
"""

import pytest
from confluent_kafka import KafkaException, TopicCollection

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer.topic_ids import short_id
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import Town

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

TOLD = "the topic {} was recreated: it is read from the beginning"


@pytest.mark.parametrize(
    ("protocol", "partitions"),
    [
        ("classic", 2),
        pytest.param("consumer", 2, marks=pytest.mark.long),
        pytest.param("classic", 1, marks=pytest.mark.long),
        pytest.param("consumer", 1, marks=pytest.mark.long),
        pytest.param("classic", 3, marks=pytest.mark.long),
        pytest.param("consumer", 3, marks=pytest.mark.long),
    ],
)
def test_a_topic_that_is_made_anew_under_a_running_bridge_is_read_from_its_first_record(
    kafka: KafkaCluster, found_town: FoundTown, protocol: str, partitions: int
) -> None:
    """Whether it comes back shorter or longer, with fewer partitions or with more."""
    # Given a bridge that has delivered 100 records, and reads what is new only
    town = found_town(kafka, partitions=2)
    town.settings["start"] = "latest"
    town.kafka_settings = {"group.protocol": protocol}
    if partitions > 2:  # so soon is a partition seen that was added
        town.kafka_settings["topic.metadata.refresh.interval.ms"] = 1_000
    if protocol == "consumer":
        town.kafka_settings |= {"session.timeout.ms": None, "heartbeat.interval.ms": None}
    with town.bridge() as bridge:
        bridge.wait_until_assigned([f"{town.topic}/0", f"{town.topic}/1"])
        town.write(100)
        town.wait_until_all_is_committed()

        # When its topic is deleted, and at once another one is made with its name: one partition
        # has more records than were delivered of the old one, the other has fewer
        _make_anew(town, partitions)
        town.write(200, partition=0)
        if partitions > 1:
            town.write(10, partition=1)
        bridge.wait_until_logged(TOLD.format(town.topic))

        # Then all of the new topic arrives, and nothing is halted
        bridge.wait_until(lambda: len(town.arrived()) == town.written, "all of the new topic", 30)
        bridge.wait_until(town.all_is_committed, "everything committed", 30)
        assert not bridge.has_logged("halted")
        assert bridge.stop() == 0

    # And twice came no more than what was read before it was noticed
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 150


def test_what_an_old_bridge_committed_to_a_topic_that_was_made_anew_says_nothing_of_it(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """A bridge that was killed before it noticed: the new topic's first records are not skipped."""
    # Given a stopped bridge that has delivered 100 records
    town = found_town(kafka, partitions=1)
    town.write(100)
    _run_until_committed(town)
    old_id = _topic_id(town)
    assert "fsb2." in kafka.committed(town.group, town.topic)[0].metadata

    # When its topic is made anew, and a late commit speaks of offsets of the old one
    _make_anew(town, 1)
    assert kafka.committed(town.group, town.topic) == {}
    town.write(300)
    town.commit(100, encode(100, 1, [(150, 200)], old_id))
    town.settings["start"] = "latest"
    with town.bridge() as bridge:
        bridge.wait_until_logged(TOLD.format(town.topic))
        bridge.wait_until(lambda: len(town.arrived()) == 400, "all of the new topic", 30)
        bridge.wait_until(town.all_is_committed, "everything committed", 30)
        assert bridge.stop() == 0

    # Then all of the new topic has arrived; twice, what was read before Kafka told its id
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 200


def _make_anew(town: Town, partitions: int) -> None:
    town.kafka.delete_topic(town.topic)
    wait_until(lambda: _created(town, partitions), "the new topic", 30)


def _created(town: Town, partitions: int) -> bool:
    """Whether the topic could be made: for a moment after its end its name is taken."""
    try:
        town.kafka.create_topic(town.topic, partitions)
    except KafkaException:
        return False
    return True


def _topic_id(town: Town) -> int:
    asked = town.kafka.admin.describe_topics(TopicCollection([town.topic]))
    cluster = town.kafka.admin.describe_cluster().result(10)
    return short_id(str(cluster.cluster_id), str(asked[town.topic].result(10).topic_id))


def _run_until_committed(town: Town) -> None:
    with town.bridge() as bridge:
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
