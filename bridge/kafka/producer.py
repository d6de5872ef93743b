"""Writes dead letters to Kafka; a dead letter counts once Kafka has acknowledged it."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bridge.delivery.dead_letter import DeadLetter, dead_letter_topic
from bridge.errors import Unavailable
from bridge.kafka.client_config import producer_configuration

_POLL_S = 0.1


class DeadLetterProducer:
    """Writes dead letters; use it with `async with`. `{topic}` in `topic` is the record's topic.

    A separate thread serves librdkafka's delivery reports and passes them to the event loop.
    """

    def __init__(self, user: Mapping[str, Any], topic: str) -> None:
        self._producer = Producer(producer_configuration(user))
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dead-letters", daemon=True)

    async def __aenter__(self) -> "DeadLetterProducer":
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)

    async def send(self, dead_letter: DeadLetter) -> None:
        """Write a dead letter and wait until Kafka has acknowledged it.

        Raises:
            Unavailable: Kafka did not accept it; the caller may retry.
        """
        acknowledged: asyncio.Future[None] = self._loop.create_future()
        topic = dead_letter_topic(self._topic, dead_letter.topic)
        try:
            self._producer.produce(
                topic,
                key=dead_letter.key,
                value=dead_letter.value,
                headers=list(dead_letter.headers),
                timestamp=max(dead_letter.timestamp_ms, 0),
                on_delivery=self._reporter(acknowledged, topic),
            )
        except (BufferError, KafkaException) as error:
            raise Unavailable(
                f"the dead-letter topic {topic} does not accept records: {error}"
            ) from error
        await acknowledged

    def _reporter(
        self, acknowledged: asyncio.Future[None], topic: str
    ) -> Callable[[KafkaError | None, Message], None]:
        def settle(error: KafkaError | None) -> None:
            if acknowledged.done():
                return
            if error is None:
                acknowledged.set_result(None)
            else:
                why = f"the dead-letter topic {topic} does not accept records: {error.str()}"
                acknowledged.set_exception(Unavailable(why))

        def report(error: KafkaError | None, _: Message) -> None:
            self._loop.call_soon_threadsafe(settle, error)

        return report

    def _serve(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(_POLL_S)
        self._producer.flush(_POLL_S)
