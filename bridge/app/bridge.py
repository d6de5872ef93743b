"""Connects all packages to a running bridge; no other module imports them all."""

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from bridge import ports
from bridge.app.components import (
    age_limits,
    client_options,
    registry_options,
    schema_files,
    source_options,
    wire_formats,
)
from bridge.app.config import Config
from bridge.app.start_check import find_unfit_topics, halted_topic, refuse_start
from bridge.app.variation import USUAL, Tombstones, Variation
from bridge.avro.decoder import AvroDecoder
from bridge.avro.prefilter import Prefilter
from bridge.avro.registry.client import RegistryClient
from bridge.avro.schema_store import FileSchemas, Schemas, WriterSchema
from bridge.delivery.halts import HaltedTopic
from bridge.delivery.pauses import FULLSTORY, KAFKA, SCHEMA_REGISTRY, Outage
from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.errors import SetupError, Unavailable
from bridge.fullstory.client import Client
from bridge.fullstory.organization import check_organization
from bridge.fullstory.partition_share import PartitionShare
from bridge.fullstory.requests.builder import builder
from bridge.fullstory.requests.request import Request
from bridge.fullstory.sender import FullStorySender
from bridge.fullstory.throttle import Throttle
from bridge.kafka import admin
from bridge.kafka.consumer.connection_monitor import ConnectionMonitor
from bridge.kafka.consumer.source import KafkaSource
from bridge.kafka.consumer.source_options import every_record
from bridge.kafka.producer import DeadLetterProducer
from bridge.mapping.compiler.type_conflicts import Types
from bridge.mapping.runtime.plan import Plan
from bridge.observer import Draining, Info, Observer, ObserverGroup, SchemaMismatch
from bridge.pipeline import Pipeline
from bridge.ports import Ports, SelectRecords, none_skipped
from bridge.schema.types import Schema
from bridge.workers import Workers

T = TypeVar("T")

GC_THRESHOLDS = 50_000, 20, 100
"""Less frequent than Python's defaults: each event creates hundreds of short-lived objects."""

STARTUP_RETRY_S = 1.0
"""The delay between two attempts to reach a dependency at startup."""


class Bridge:
    """The running bridge: `run` until `stop`."""

    def __init__(self, config: Config, observer: Observer, variation: Variation = USUAL) -> None:
        self._config = config
        self._observer = observer
        self._variation = variation
        self._stopping = asyncio.Event()
        self._source: KafkaSource | None = None
        self._select_records: SelectRecords = every_record
        self._workers: Workers[Any] = Workers(config.settings.fullstory.max_in_flight)
        self._skipped: Callable[[str], int] = none_skipped
        self._newest: dict[str, Schema] = {}
        """The registry's newest schema of each topic, by Kafka name, as far as it is known."""

        self._types: Types = {}
        """The types of properties in all schemas so far: one property keeps one type."""

    def stop(self) -> None:
        """Drain, commit and leave the group; a second call skips the drain."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._observer.notify(Draining())
        if self._source is not None:
            self._source.stop()

    async def run(self) -> bool:
        """Run until `stop`; return whether the consumer left the group cleanly.

        Raises:
            SetupError: the operator must fix something before the first record.
            Halted: the Kafka client failed permanently; a restart may help.
        """
        settings = self._config.settings
        async with AsyncExitStack() as stack:
            cluster, decoder, halted_topics = await self.connect(stack)
            client = await stack.enter_async_context(Client(client_options(self._config)))
            await self._check_organization(client)
            dead_letters = await stack.enter_async_context(
                DeadLetterProducer(settings.kafka_config(), settings.dead_letters.topic)
            )
            if self._stopping.is_set():
                return True
            throttle = self._throttle()
            sender = self._sender(client, throttle)
            stack.push_async_callback(sender.close)
            observer = self._add_observers(stack, throttle)
            pipeline_ports: Ports[Request] = Ports(
                source=self._open_source(throttle, observer),
                decoder=decoder,
                tombstones=self.tombstones(),
                build=builder(settings.fullstory.api, cluster.id),
                sender=sender,
                dead_letters=dead_letters,
                observer=observer,
                dead_letter_context=self._config.dead_letter_context,
                clock=time.time,
                mappings=self._config,
                rejection_threshold=self._config.rejection_threshold,
                ages=age_limits(settings),
                workers=self._workers,
                halted_topics=halted_topics,
                skipped=self._skipped,
            )
            _tune_garbage_collector()
            await Pipeline(pipeline_ports).run()
            return self._source is None or self._source.left_group()

    async def connect(
        self, stack: AsyncExitStack
    ) -> tuple[admin.ClusterMetadata, ports.Decoder, Sequence[HaltedTopic]]:
        """Wait for Kafka and the registry, check the newest schemas, and make the decoder.

        Raises:
            SetupError: a dead-letter topic is missing, or no topic can start.
        """
        cluster = await self._wait_for_kafka()
        registry = await self._registry(stack)
        files = FileSchemas(schema_files(self._config.settings))
        halted_topics = await self._check_newest_schemas(files, registry, cluster.topics)
        store = files if registry is None else Schemas(files, registry)
        settings = self._config.settings
        formats = wire_formats(settings, files)
        subjects = settings.avro.subject_of
        decoder = AvroDecoder(store, formats, self._compile, subjects, self._newest)
        if self._variation.has_prefilter:
            prefilter = Prefilter(decoder, self._config.tombstones())
            self._select_records, self._skipped = prefilter, prefilter.skipped
        return cluster, self._variation.decoder(decoder), halted_topics

    def tombstones(self) -> Tombstones:
        """Return the mappings for records without a value, by topic."""
        return self._variation.tombstones(self._config.tombstones())

    def _open_source(self, throttle: Throttle, observer: Observer) -> ports.Source:
        workers = self._workers
        options = replace(
            self._variation.source_options(source_options(self._config)),
            select_records=self._select_records,
            not_started=lambda: workers.surplus,
        )
        self._source = KafkaSource(options, throttle.acknowledged, observer)
        return self._variation.source(self._source)

    async def _wait_for_kafka(self) -> admin.ClusterMetadata:
        """Wait until Kafka answers, and check that all dead-letter topics exist.

        Raises:
            SetupError: one is missing; the message has the command that creates it.
        """
        cluster = await self._retry(KAFKA, self._describe_cluster)
        if cluster is None:
            return admin.ClusterMetadata("", {})
        self._config.check_dead_letter_topics(cluster.topics)
        return cluster

    async def _describe_cluster(self) -> admin.ClusterMetadata:
        """Fetch the cluster metadata, but not while stopping: shutdown would wait for it.

        Raises:
            Unavailable: Kafka did not answer, or the bridge is stopping.
        """
        if self._stopping.is_set():
            raise Unavailable("the bridge is stopping")
        return await asyncio.to_thread(admin.describe_cluster, self._config.settings.kafka_config())

    async def _retry(self, component: str, request: Callable[[], Awaitable[T]]) -> T | None:
        """Repeat a request until the component answers; None if the bridge stops before that."""
        outage = Outage(component, self._observer)
        while not self._stopping.is_set():
            try:
                answer = await request()
            except Unavailable as error:
                outage.begin_wait(str(error))
                await asyncio.sleep(STARTUP_RETRY_S)
            except SetupError:  # an answer too
                outage.over()
                raise
            else:
                outage.over()
                return answer
        return None

    async def _check_organization(self, client: Client) -> None:
        expected = self._config.settings.fullstory.org
        if expected is not None:
            await self._retry(FULLSTORY, partial(check_organization, client, expected))

    async def _registry(self, stack: AsyncExitStack) -> RegistryClient | None:
        options = registry_options(self._config.settings)
        if options is None:
            return None
        return await stack.enter_async_context(RegistryClient(options))

    async def _check_newest_schemas(
        self, files: FileSchemas, registry: RegistryClient | None, existing: Collection[str]
    ) -> Sequence[HaltedTopic]:
        """Check that the mappings fit the newest schema of every topic, before the first record.

        `existing` are all topics of the cluster; those that a pattern matches are checked too.

        Raises:
            SetupError: none fits, or one does not in a strict start; it lists all problems.
        """
        topics = self._config.topics_to_read(existing)
        newest = partial(self._newest_schema, files, registry)
        checked = list(filter(self._variation.checks, topics))
        unfit = await find_unfit_topics(self._config, checked, newest, self._types)
        if self._variation.strict_start or len(unfit) == len(topics):
            refuse_start(unfit)
        return [halted_topic(self._config, one) for one in unfit]

    def _compile(self, topic: str, schema: Schema) -> Plan:
        """Compile the mappings for a schema found while running; report those that do not fit."""
        plan = self._config.compile_lenient(topic, schema, self._types)
        for mismatch in plan.mismatches:
            self._observer.notify(SchemaMismatch(topic, mismatch.mapping, mismatch.problem.message))
        return plan

    async def _newest_schema(
        self, files: FileSchemas, registry: RegistryClient | None, topic: str
    ) -> WriterSchema | None:
        codec = self._config.settings.avro.topics.get(self._config.alias(topic))
        if codec is not None and codec.is_local:
            return files[str(codec.schema_files[-1])]
        if registry is None:
            return None
        subject = self._config.settings.avro.subject_of(topic)
        newest = await self._retry(SCHEMA_REGISTRY, partial(registry.latest, subject))
        if newest is not None:
            self._newest[topic] = newest.schema
        elif not self._stopping.is_set():
            self._observer.notify(Info(f"the registry has no subject {subject} yet"))
        return newest

    def _throttle(self) -> Throttle:
        settings = self._config.settings
        return Throttle(
            in_flight_max=settings.fullstory.max_in_flight,
            duplicate_budget=settings.delivery.duplicate_budget,
            now_s=asyncio.get_running_loop().time,
            max_rate=settings.fullstory.max_rate,
        )

    def _add_observers(self, stack: AsyncExitStack, throttle: Throttle) -> Observer:
        """Add the bridge's own observers, which act on facts.

        If `max_rate` is set, this process gets a share of it in proportion to its partitions.
        """
        monitor = ConnectionMonitor(self._describe_cluster, self._observer)
        stack.push_async_callback(monitor.close)
        if self._config.settings.fullstory.max_rate is None:
            return ObserverGroup(self._observer, monitor)
        share = PartitionShare(self._count_partitions, throttle.set_share)
        stack.push_async_callback(share.close)
        return ObserverGroup(self._observer, monitor, share)

    async def _count_partitions(self) -> int:
        """Count the partitions of all topics that this group reads."""
        cluster = await self._describe_cluster()
        return sum(count for topic, count in cluster.topics.items() if self._config.reads(topic))

    def _sender(self, client: Client, throttle: Throttle) -> FullStorySender:
        settings = self._config.settings.fullstory
        policy = DeliveryPolicy(settings.unknown_user, settings.unknown_user_wait_s)
        return FullStorySender(
            client,
            throttle,
            self._variation.policy(policy),
            self._observer,
            now_s=asyncio.get_running_loop().time,
            chance=random.random,
            release_slot=self._workers.release_slot,
        )


def _tune_garbage_collector() -> None:
    """Exclude all objects created at startup from garbage collection.

    Otherwise each full collection would traverse the modules and the compiled mappings.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
