"""A script that a user could write in an afternoon, with each library used as documented.

    python script.py job.json

It uses Confluent's consumer and `AvroDeserializer`, and aiohttp's default session with `json=`. It
sends each batch with a semaphore of 256, and then commits.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from confluent_kafka import Consumer, Message
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

_BATCH = 500
_AT_ONCE = 256


class Script:
    """Consume, decode, filter, post, commit."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        kafka = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        self._consumer = Consumer({**job["kafka"], **kafka})
        registry = SchemaRegistryClient({"url": job["registry"], "timeout": 10})
        # By default it requests associations from the registry, which Apicurio does not have.
        strategy = {"subject.name.strategy": topic_subject_name_strategy}
        self._decode = AvroDeserializer(registry, conf=strategy)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._wanted = frozenset(job["wanted"])

    async def run(self) -> None:
        """Run until it is stopped."""
        self._consumer.subscribe([self._job["topic"]])
        headers = {"Authorization": f"Basic {self._job['key']}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                messages = self._consumer.consume(_BATCH, 0.1)
                events = [self._event(message) for message in messages]
                sending = [self._post(session, event) for event in events if event is not None]
                await asyncio.gather(*sending)
                if messages:
                    self._consumer.commit(asynchronous=False)

    def _event(self, message: Message) -> tuple[str, dict[str, Any]] | None:
        if message.error() is not None:
            return None
        context = SerializationContext(self._job["topic"], MessageField.VALUE)
        payment: dict[str, Any] = self._decode(message.value(), context)
        if payment["status"] not in self._wanted:
            return None
        data = {
            "payment_id_str": str(payment["payment_id"]),
            "amount_real": float(payment["amount"]),
            "currency_str": payment["currency"],
        }
        event = {
            "event_name": "Payment Failed",
            "event_data": data,
            "timestamp": payment["occurred_at"].isoformat(timespec="milliseconds"),
            "use_recent_session": True,
        }
        return payment["customer"]["customer_id"], {"event": event}

    async def _post(
        self, session: aiohttp.ClientSession, event: tuple[str, dict[str, Any]]
    ) -> None:
        user, body = event
        url = f"{self._job['url']}/users/v1/individual/{quote(user)}/customevent"
        async with self._at_once, session.post(url, json=body) as response:
            response.raise_for_status()
            await response.json()


if __name__ == "__main__":
    asyncio.run(Script(json.loads(Path(sys.argv[1]).read_bytes())).run())
