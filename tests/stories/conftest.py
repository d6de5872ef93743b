"""The town of a story, on the shared Kafka and registry or on those that a story brings."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bridge.sandbox.kafka.mock_cluster import MockCluster
from tests.integration.running import FullStoryProcess
from tests.services.kafka_admin import KafkaAdmin
from tests.stories.kafka_fixture import Town

FoundTown = Callable[..., Town]


@pytest.fixture
def found_town(
    apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[FoundTown]:
    """Found a town on a cluster: `found_town(kafka, partitions=4, registry_url=…)`."""
    with FullStoryProcess(tmp_path) as fullstory:

        def found(
            kafka: KafkaAdmin, *, partitions: int = 4, registry_url: str | None = None
        ) -> Town:
            topic = kafka.create_topic(unique("paid"), partitions)
            letters = kafka.create_topic(unique("letters"))
            url = registry_url or apicurio_url
            return Town(kafka, url, topic, letters, unique("group"), fullstory, tmp_path)

        yield found


class MockKafka(KafkaAdmin):
    """librdkafka's mock cluster, which can be told to answer with errors, asked as a real one."""

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
        """Create a topic; the mock has no settings of topics."""
        self.cluster.create_topic(name, partitions)
        return name


@pytest.fixture
def mock_kafka() -> Iterator[MockKafka]:
    """Three brokers that answer as they are told."""
    with MockCluster(3) as cluster:
        yield MockKafka(cluster)
