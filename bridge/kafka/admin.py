"""Lookups before the bridge starts: topics, groups, and validation by librdkafka."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from bridge.errors import SetupError, Unavailable
from bridge.kafka.client_config import admin_configuration, consumer_configuration

LOOKUP_TIMEOUT_S = 5.0


def check_configuration(user: Mapping[str, Any]) -> None:
    """Have librdkafka validate the user's keys and values, without a connection.

    Raises:
        SetupError: librdkafka rejects a key or value; the message names it.
    """
    try:
        configuration = consumer_configuration(user)
        for servers in ("bootstrap.servers", "metadata.broker.list"):
            configuration.pop(servers, None)  # librdkafka does not validate them, it connects
        Consumer(configuration).close()
    except KafkaException as error:
        raise SetupError(
            f"kafka: librdkafka rejects the configuration: {error.args[0].str()}"
        ) from error
    except (TypeError, ValueError) as error:
        raise SetupError(f"kafka: librdkafka rejects the configuration: {error}") from error


class ClusterMetadata(NamedTuple):
    """The cluster's id, and its topics with their partition counts."""

    id: str
    topics: Mapping[str, int]


def describe_cluster(user: Mapping[str, Any]) -> ClusterMetadata:
    """Ask Kafka for the cluster's id and topics; blocks up to five seconds.

    Raises:
        Unavailable: no broker answered in time.
    """
    client = AdminClient(admin_configuration(user))
    try:
        metadata = client.list_topics(timeout=LOOKUP_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
    topics = {name: len(topic.partitions) for name, topic in metadata.topics.items()}
    return ClusterMetadata(str(metadata.cluster_id), topics)


def list_groups(user: Mapping[str, Any]) -> Sequence[str]:
    """The names of all visible consumer groups; blocks up to five seconds.

    Raises:
        Unavailable: a broker did not answer, or refused to list the groups.
    """
    client = AdminClient(admin_configuration(user))
    try:
        found = client.list_consumer_groups(request_timeout=LOOKUP_TIMEOUT_S).result()
    except KafkaException as error:
        raise Unavailable(
            f"Kafka does not list the consumer groups: {error.args[0].str()}"
        ) from error
    if found.errors:
        raise Unavailable(f"Kafka does not list the consumer groups: {found.errors[0].str()}")
    return [group.group_id for group in found.valid]
