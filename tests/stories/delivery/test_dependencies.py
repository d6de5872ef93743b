"""What happens when Kafka, the registry or FullStory fall over, and get up again."""

import time
from collections.abc import Callable

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.services.registry import ApicurioRegistry
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import encode, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(180)]


def test_the_leader_is_killed_in_the_middle_and_nothing_is_lost_or_comes_twice(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """One broker of three dies without a word and comes back; the bridge goes on throughout."""
    # Given a bridge in the middle of 6,000 records on three brokers
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.03)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When the leader of a partition is killed, and started again a little later
        leader = kafka3.leader_of(town.topic, 0)
        leader.kill()
        town.wait_for(1_500)
        leader.start()

        # Then all of it arrives, once
        town.wait_until_all_is_committed(90)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("down_s", [6, 20])
def test_fullstory_is_down_for_a_while_and_the_bridge_waits_and_goes_on_by_itself(
    kafka: KafkaCluster, found_town: FoundTown, down_s: int
) -> None:
    """Nothing is given up in an outage: no dead letters, no offset past what was delivered."""
    # Given a bridge at work
    town = found_town(kafka)
    town.write(500)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()

        # When FullStory is away while records come
        town.fullstory.turn(down=True)
        town.write(3_000)
        time.sleep(down_s)
        assert sum(one.offset for one in kafka.committed(town.group, town.topic).values()) == 500
        town.fullstory.turn(down=False)

        # Then the rest is sent, once, and nothing became a dead letter
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
    assert kafka.end_offsets(town.letters) == {0: 0}


@pytest.mark.long
def test_a_registry_that_is_away_at_the_start_is_waited_for(
    kafka: KafkaCluster, found_town: FoundTown, start_apicurio: Callable[[], ApicurioRegistry]
) -> None:
    """The bridge starts, says what it waits for, and begins when the registry answers."""
    # Given a registry that does not answer
    registry = start_apicurio()
    town = found_town(kafka, registry_url=registry.url)
    town.write(200)
    registry.freeze()
    with town.bridge() as bridge:
        bridge.wait_until_logged("paused", component="schema registry")

        # When it answers again
        registry.thaw()

        # Then everything arrives
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.long
def test_a_registry_that_is_away_when_a_new_schema_comes_is_waited_for(
    kafka: KafkaCluster, found_town: FoundTown, start_apicurio: Callable[[], ApicurioRegistry]
) -> None:
    """Records of known schemas flow on; those of the new one wait and then arrive."""
    # Given a bridge that has read one schema, and a second one that it has not
    registry = start_apicurio()
    town = found_town(kafka, registry_url=registry.url)
    town.write(100)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        newer = register(registry.url, town.topic + "-newer", _renamed())

        # When the registry freezes and records of both schemas come
        registry.freeze()
        kafka.produce(town.topic, [encode(newer, n) for n in range(100, 150)], partition=0)
        town.written = 150
        town.write(100)
        town.wait_for(200)
        bridge.wait_until_logged("paused", component="schema registry")
        assert len(town.fullstory.accepted) == 200
        registry.thaw()

        # Then those of the new one follow
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_key_that_is_revoked_and_renewed_in_its_file_costs_nothing(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """A 401 stops the sending, not the bridge; the key file is read until its key is taken."""
    # Given a bridge whose key stands in a file
    town = found_town(kafka)
    file = town.keep_key_in_a_file()
    town.write(500)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()

        # When the key is revoked, records come, and a new key is put into the file
        town.fullstory.turn(key="na1.another-key")
        town.write(1_000)
        bridge.wait_until_logged("paused", component="fullstory", why="key_refused")
        file.write_text("na1.another-key\n")

        # Then all arrives, and nothing became a dead letter
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
    assert kafka.end_offsets(town.letters) == {0: 0}


@pytest.mark.long
def test_a_key_of_another_organization_is_refused_at_start_and_sends_nothing_later(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """With `fullstory.org`: exit 2 before the first record, and a pause when it comes later."""
    # Given a bridge that is told its organization, and whose key stands in a file
    town = found_town(kafka)
    town.settings["fullstory"] = {"org": "o-SANDBOX-na1"}
    file = town.keep_key_in_a_file()
    town.write(200)

    # When the key is one of another organization at the start, then it ends and says so
    town.fullstory.turn(org="o-OTHER-na1")
    with town.bridge() as bridge:
        assert bridge.wait() == 2
        assert "the key belongs to the organization o-OTHER-na1" in bridge.text
    assert town.fullstory.accepted == []

    # When it begins with the right one, and that is revoked and one of another takes its place
    town.fullstory.turn(org="o-SANDBOX-na1")
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        town.fullstory.turn(org="o-OTHER-na1", key="na1.another-key")
        file.write_text("na1.another-key\n")
        town.write(500)
        bridge.wait_until_logged("paused", component="fullstory", why="wrong_organization")

        # Then nothing goes there until the key is one of its organization again
        asked = town.fullstory.counts()["probes"]
        wait_until(lambda: town.fullstory.counts()["probes"] > asked + 1, "two probes", 20)
        assert len(town.fullstory.accepted) == 200
        town.fullstory.turn(org="o-SANDBOX-na1")
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def _renamed() -> dict[str, object]:
    """Another schema of the same form."""
    fields = [{"name": "n", "type": "int"}, {"name": "user", "type": "string"}]
    return {"type": "record", "name": "shop.PaidAnew", "fields": fields}
