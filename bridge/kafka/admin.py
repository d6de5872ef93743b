"""Look-ups before anything runs: topics, groups, and is the configuration one librdkafka takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from bridge.errors import SetupError, Unavailable
from bridge.kafka.client_config import admin_configuration, consumer_configuration

LOOK_UP_TIMEOUT_S = 5.0


def check_configuration(user: Mapping[str, Any]) -> None:
    """Let librdkafka judge the user's keys and values; nothing is connected.

    Raises:
        SetupError: it refuses one, which its message names.
    """
    try:
        Consumer(consumer_configuration(user)).close()
    except KafkaException as error:
        raise SetupError(f"kafka: librdkafka refuses this: {error.args[0].str()}") from error
    except (TypeError, ValueError) as error:
        raise SetupError(f"kafka: librdkafka refuses this: {error}") from error


class ClusterMetadata(NamedTuple):
    """What Kafka says of itself: its id, and its topics with their numbers of partitions."""

    id: str
    topics: Mapping[str, int]


def describe_cluster(user: Mapping[str, Any]) -> ClusterMetadata:
    """Ask Kafka about itself; blocks up to five seconds.

    Raises:
        Unavailable: no broker answered in time.
    """
    client = AdminClient(admin_configuration(user))
    try:
        metadata = client.list_topics(timeout=LOOK_UP_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
    topics = {name: len(topic.partitions) for name, topic in metadata.topics.items()}
    return ClusterMetadata(str(metadata.cluster_id), topics)


def list_groups(user: Mapping[str, Any]) -> Sequence[str]:
    """The names of all consumer groups that may be seen; blocks up to five seconds.

    Raises:
        Unavailable: a broker did not answer, or does not list them.
    """
    client = AdminClient(admin_configuration(user))
    try:
        found = client.list_consumer_groups(request_timeout=LOOK_UP_TIMEOUT_S).result()
    except KafkaException as error:
        raise Unavailable(f"Kafka lists no groups: {error.args[0].str()}") from error
    if found.errors:
        raise Unavailable(f"Kafka lists no groups: {found.errors[0].str()}")
    return [group.group_id for group in found.valid]
