"""Look-ups before anything runs: does a topic exist, is the configuration one librdkafka takes."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from bridge.errors import SetupError, Unavailable
from bridge.kafka.configuration import admin_configuration, consumer_configuration

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


def topics(user: Mapping[str, Any]) -> Mapping[str, int]:
    """Topics by name with their number of partitions; blocks up to five seconds.

    Raises:
        Unavailable: no broker answered in time.
    """
    client = AdminClient(admin_configuration(user))
    try:
        metadata = client.list_topics(timeout=LOOK_UP_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}
