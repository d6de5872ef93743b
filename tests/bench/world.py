"""The environment of a process under test: Kafka, the registry, the sink, and the topics.

Invariants: everything listens on loopback. Every process that is started here is stopped here, by
its id. A topic is filled once, for the first row that needs it.
"""

import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

from confluent_kafka.schema_registry import Schema

from tests.bench.jobs import Job
from tests.bench.machine import Cores
from tests.bench.payments import SCHEMA_FILE
from tests.bench.progress import say
from tests.bench.sink import Arrivals, Sink
from tests.bench.topics import Bodies, Topic, fill
from tests.services.artifacts import APICURIO, KAFKA, obtain
from tests.services.certificate import certificate_files
from tests.services.confluent import registry_client
from tests.services.kafka import KafkaCluster
from tests.services.registry import ApicurioRegistry

_DEAD_LETTERS = "dead-letters"


class World:
    """The services during a `with` block; `size` is that of the largest topic."""

    def __init__(self, cores: Cores, size: int) -> None:
        self.cores = cores
        self.size = size
        self._stack = ExitStack()
        self._filled: dict[Topic, str] = {}
        self._runs = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._root = Path(tempfile.mkdtemp(prefix="fullstory-bench-"))
            stack.callback(shutil.rmtree, self._root, ignore_errors=True)
            say("starting Kafka and the registry …")
            self.kafka = stack.enter_context(KafkaCluster(obtain(KAFKA)))
            self._registry = stack.enter_context(ApicurioRegistry(obtain(APICURIO)))
            self._certificate, key = certificate_files(self._root)
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self._certificate, key, "pw")
            self._sink = stack.enter_context(Sink(tls))
            self.kafka.create_topic(_DEAD_LETTERS)
            self._schema_id = self._register(_DEAD_LETTERS)
            self.bodies = Bodies(self._schema_id)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every process under test: it trusts the sink's certificate."""
        return {"SSL_CERT_FILE": str(self._certificate)}

    def topic(self, topic: Topic) -> str:
        """The topic's name in Kafka; creates and fills it first if necessary."""
        if topic not in self._filled:
            say(f"filling the topic {topic.name}: {topic.records(self.size):,} records …")
            name = self.empty_topic(topic.name, topic.partitions)
            fill(self.kafka.bootstrap_servers, topic, name, self.size, self.bodies)
            self._filled[topic] = name
        return self._filled[topic]

    def empty_topic(self, name: str, partitions: int) -> str:
        """A topic without records, with the schema in the registry."""
        if self._register(name) != self._schema_id:
            message = "the registry returned a different id for the same schema"
            raise RuntimeError(message)
        return self.kafka.create_topic(name, partitions)

    def _register(self, topic: str) -> int:
        with closing(registry_client(self._registry.url)) as client:
            schema = Schema(SCHEMA_FILE.read_text(), "AVRO")
            return int(client.register_schema(f"{topic}-value", schema))

    @contextmanager
    def run(self, delay_s: float, *, tls: bool) -> Iterator[tuple[Path, str, Arrivals]]:
        """A folder and a sink server for one run."""
        self._runs += 1
        folder = self._root / f"run-{self._runs}"
        folder.mkdir()
        with self._sink.server(delay_s=delay_s, tls=tls) as (url, arrivals):
            yield folder, url, arrivals
        shutil.rmtree(folder, ignore_errors=True)

    def job(
        self, topic: str, url: str, folder: Path, marks: tuple[int, int], mappings: int = 1
    ) -> Job:
        """A job with a new consumer group."""
        return Job(
            servers=self.kafka.bootstrap_servers,
            registry=self._registry.url,
            topic=topic,
            group=f"bench-{self._runs}",
            dead_letters=_DEAD_LETTERS,
            url=url,
            marks=marks,
            mappings=mappings,
            folder=folder,
        )
