"""The cluster fixture of a story, on the shared Kafka and registry or on the story's own."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bridge.sandbox.kafka.mock_cluster import MockCluster
from tests.integration.running import FullStoryProcess
from tests.services.kafka_admin import KafkaAdmin
from tests.stories.kafka_fixture import ClusterFixture

MakeCluster = Callable[..., ClusterFixture]


@pytest.fixture
def make_cluster(
    apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[MakeCluster]:
    """Create a cluster fixture on a Kafka: `make_cluster(kafka, partitions=4, registry_url=…)`."""
    with FullStoryProcess(tmp_path) as fullstory:

        def make(
            kafka: KafkaAdmin, *, partitions: int = 4, registry_url: str | None = None
        ) -> ClusterFixture:
            topic = kafka.create_topic(unique("paid"), partitions)
            dead_letters = kafka.create_topic(unique("dead-letters"))
            url = registry_url or apicurio_url
            return ClusterFixture(
                kafka, url, topic, dead_letters, unique("group"), fullstory, tmp_path
            )

        yield make


class MockKafka(KafkaAdmin):
    """librdkafka's mock cluster, which can inject errors, with the interface of a real cluster."""

    def __init__(self, cluster: MockCluster) -> None:
        super().__init__(cluster.bootstrap_servers, {})
        self.cluster = cluster

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic; the mock has no topic settings."""
        self.cluster.create_topic(name, partitions)
        return name


@pytest.fixture
def mock_kafka() -> Iterator[MockKafka]:
    """A mock cluster of three brokers."""
    with MockCluster(3) as cluster:
        yield MockKafka(cluster)
