"""Outages of Kafka, the schema registry and FullStory."""

import time
from collections.abc import Callable

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.services.registry import ApicurioRegistry
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import encode, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(180)]


def test_when_a_leader_is_killed_nothing_is_lost_or_duplicated(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """One of three brokers is killed and restarted; the bridge keeps running."""
    # Given a bridge in the middle of 6,000 records on three brokers
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.03)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When the leader of a partition is killed and restarted a little later
        leader = kafka3.leader_of(cluster.topic, 0)
        leader.kill()
        cluster.wait_for(1_500)
        leader.start()

        # Then every record arrives once
        cluster.wait_until_all_is_committed(90)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("down_s", [6, 20])
def test_the_bridge_waits_during_a_fullstory_outage_and_resumes(
    kafka: KafkaCluster, make_cluster: MakeCluster, down_s: int
) -> None:
    """An outage causes no dead letters, and no commit past what was delivered."""
    # Given a running bridge
    cluster = make_cluster(kafka)
    cluster.write(500)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()

        # When FullStory is down while records arrive
        cluster.fullstory.configure(down=True)
        cluster.write(3_000)
        time.sleep(down_s)
        assert (
            sum(one.offset for one in kafka.committed(cluster.group, cluster.topic).values()) == 500
        )
        cluster.fullstory.configure(down=False)

        # Then the rest is sent once, and there are no dead letters
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
    assert kafka.end_offsets(cluster.dead_letters) == {0: 0}


@pytest.mark.long
def test_the_bridge_waits_for_a_registry_that_is_unavailable_at_startup(
    kafka: KafkaCluster, make_cluster: MakeCluster, start_apicurio: Callable[[], ApicurioRegistry]
) -> None:
    """The bridge starts, logs what it waits for, and begins when the registry responds."""
    # Given a registry that does not respond
    registry = start_apicurio()
    cluster = make_cluster(kafka, registry_url=registry.url)
    cluster.write(200)
    registry.freeze()
    with cluster.bridge() as bridge:
        bridge.wait_until_logged("paused", component="schema registry")

        # When it responds again
        registry.thaw()

        # Then everything arrives
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.long
def test_records_of_a_new_schema_wait_for_an_unavailable_registry(
    kafka: KafkaCluster, make_cluster: MakeCluster, start_apicurio: Callable[[], ApicurioRegistry]
) -> None:
    """Records of cached schemas are delivered; those of the new one wait and then arrive."""
    # Given a bridge that has cached one schema, and a second one that it has not
    registry = start_apicurio()
    cluster = make_cluster(kafka, registry_url=registry.url)
    cluster.write(100)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        newer = register(registry.url, cluster.topic + "-newer", _renamed())

        # When the registry freezes and records of both schemas are produced
        registry.freeze()
        kafka.produce(cluster.topic, [encode(newer, n) for n in range(100, 150)], partition=0)
        cluster.written = 150
        cluster.write(100)
        cluster.wait_for(200)
        bridge.wait_until_logged("paused", component="schema registry")
        assert len(cluster.fullstory.accepted) == 200
        registry.thaw()

        # Then those of the new schema follow
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_key_revoked_and_renewed_in_its_file_loses_and_duplicates_nothing(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """A 401 pauses the bridge; it rereads the key file until FullStory accepts the key."""
    # Given a bridge whose key is in a file
    cluster = make_cluster(kafka)
    file = cluster.keep_key_in_a_file()
    cluster.write(500)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()

        # When the key is revoked, records are produced, and a new key is written to the file
        cluster.fullstory.configure(key="na1.another-key")
        cluster.write(1_000)
        bridge.wait_until_logged("paused", component="fullstory", why="key_refused")
        file.write_text("na1.another-key\n")

        # Then all records arrive, and there are no dead letters
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
    assert kafka.end_offsets(cluster.dead_letters) == {0: 0}


@pytest.mark.long
def test_a_key_of_another_organization_is_refused_at_startup_and_pauses_later(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """With `fullstory.org`, it exits with 2 at startup, and pauses if the key changes later."""
    # Given a bridge with a configured organization, whose key is in a file
    cluster = make_cluster(kafka)
    cluster.settings["fullstory"] = {"org": "o-SANDBOX-na1"}
    file = cluster.keep_key_in_a_file()
    cluster.write(200)

    # When the key belongs to another organization at startup, then it exits and says so
    cluster.fullstory.configure(org="o-OTHER-na1")
    with cluster.bridge() as bridge:
        assert bridge.wait() == 2
        assert "the key belongs to the organization o-OTHER-na1" in bridge.text
    assert cluster.fullstory.accepted == []

    # When it starts with the right key, and a key of another organization replaces it
    cluster.fullstory.configure(org="o-SANDBOX-na1")
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        cluster.fullstory.configure(org="o-OTHER-na1", key="na1.another-key")
        file.write_text("na1.another-key\n")
        cluster.write(500)
        bridge.wait_until_logged("paused", component="fullstory", why="wrong_organization")

        # Then nothing is sent until the key belongs to its organization again
        asked = cluster.fullstory.counts()["probes"]
        wait_until(lambda: cluster.fullstory.counts()["probes"] > asked + 1, "two probes", 20)
        assert len(cluster.fullstory.accepted) == 200
        cluster.fullstory.configure(org="o-SANDBOX-na1")
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def _renamed() -> dict[str, object]:
    """A schema with the same fields and another name."""
    fields = [{"name": "n", "type": "int"}, {"name": "user", "type": "string"}]
    return {"type": "record", "name": "shop.PaidAnew", "fields": fields}
