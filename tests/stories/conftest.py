"""The town of a story, on the shared Kafka and registry or on those that a story brings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import FullStoryProcess
from tests.services.kafka import KafkaCluster
from tests.stories.town import Town

FoundTown = Callable[..., Town]


@pytest.fixture
def found_town(
    apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[FoundTown]:
    """Found a town on a cluster: `found_town(kafka, partitions=4, registry_url=…)`."""
    with FullStoryProcess(tmp_path) as fullstory:

        def found(
            kafka: KafkaCluster, *, partitions: int = 4, registry_url: str | None = None
        ) -> Town:
            topic = kafka.create_topic(unique("paid"), partitions)
            letters = kafka.create_topic(unique("letters"))
            url = registry_url or apicurio_url
            return Town(kafka, url, topic, letters, unique("group"), fullstory, tmp_path)

        yield found
