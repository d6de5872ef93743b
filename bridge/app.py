"""The bridge at work: the only place where the rooms meet."""

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from bridge import ports
from bridge.avro.decoder import Decoder
from bridge.avro.registry import RegistryClient
from bridge.avro.sieve import Sieve
from bridge.avro.store import FileSchemas, Schemas
from bridge.delivery.answers import Policy
from bridge.delivery.pause import FULLSTORY, KAFKA, REGISTRY, Spell
from bridge.documents.problems import Problem, Problems
from bridge.errors import Unavailable
from bridge.fullstory.builders import builder
from bridge.fullstory.client import Client
from bridge.fullstory.organisation import see_organisation
from bridge.fullstory.request import Request
from bridge.fullstory.sender import Sender
from bridge.fullstory.share import Share
from bridge.fullstory.throttle import Throttle
from bridge.kafka import admin
from bridge.kafka.producer import DeadLetterProducer
from bridge.kafka.recovery import Recovery
from bridge.kafka.source import Source
from bridge.kafka.source_options import SourceOptions, everything
from bridge.mapping.checks import Types, conflicts
from bridge.mapping.plan import Plan
from bridge.mapping.schema import Schema
from bridge.observer import Draining, Everybody, Misfit, Noted, Observer
from bridge.options import (
    age_limits,
    client_options,
    registry_options,
    schema_files,
    source_options,
    wire_formats,
)
from bridge.pipeline import Pipeline
from bridge.ports import Ports, Sift
from bridge.prepared import Prepared, raise_problems
from bridge.workers import Workers

T = TypeVar("T")

GC_THRESHOLDS = 50_000, 20, 100
"""Rarer than Python's own: an event makes hundreds of objects, of which none outlives it."""

START_AGAIN_S = 1.0
"""Between two tries at a neighbour that does not answer while starting."""


class Bridge:
    """The bridge at work: `run` until `stop`."""

    def __init__(self, prepared: Prepared, observer: Observer) -> None:
        self._prepared = prepared
        self._observer = observer
        self._stopping = asyncio.Event()
        self._source: Source | None = None
        self._sift: Sift = everything
        self._workers: Workers[Any] = Workers(prepared.settings.fullstory.max_in_flight)
        self._types: Types = {}
        """Of the properties of all schemas so far: one property keeps one type."""

    def stop(self) -> None:
        """Take nothing more, drain, commit, leave; called again: commit what is settled and go."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._observer.tell(Draining())
        if self._source is not None:
            self._source.stop()

    async def run(self) -> bool:
        """Run until `stop`; returns whether the group was left in order.

        Raises:
            SetupError: something that must be mended before the first record.
            Halted: the Kafka client gave up; another start may do.
        """
        settings = self._prepared.settings
        async with AsyncExitStack() as stack:
            cluster = await self._await_kafka()
            decoder = await self._checked_decoder(stack, cluster)
            client = await stack.enter_async_context(Client(client_options(self._prepared)))
            await self._see_organisation(client)
            letters = await stack.enter_async_context(
                DeadLetterProducer(settings.kafka_config(), settings.dead_letters.topic)
            )
            if self._stopping.is_set():
                return True
            throttle = self._throttle()
            sender = self._sender(client, throttle)
            stack.push_async_callback(sender.close)
            observer = self._with_followers(stack, throttle)
            path: Ports[Request] = Ports(
                source=self._open(source_options(self._prepared), throttle, observer),
                decoder=decoder,
                tombstones=self._tombstones(),
                build=builder(settings.fullstory.api, cluster.id),
                sender=sender,
                dead_letters=letters,
                observer=observer,
                told_by=self._prepared.told_by,
                clock=time.time,
                mappings=self._prepared,
                tolerance=self._prepared.tolerance,
                ages=age_limits(settings),
                workers=self._workers,
            )
            _freeze_what_stays()
            await Pipeline(path).run()
            return self._source is None or self._source.left()

    def _open(self, options: SourceOptions, throttle: Throttle, observer: Observer) -> ports.Source:
        workers = self._workers
        options = replace(options, sift=self._sift, not_begun=lambda: workers.surplus)
        self._source = Source(options, throttle.acknowledged, observer)
        return self._source

    def _tombstones(self) -> Callable[[str], ports.Mapper]:
        return self._prepared.tombstones()

    async def _checked_decoder(
        self, stack: AsyncExitStack, cluster: admin.Cluster
    ) -> ports.Decoder:
        registry = await self._registry(stack)
        files = FileSchemas(schema_files(self._prepared.settings))
        await self._check_newest(files, registry, cluster.topics)
        return self._decoder(files, registry)

    def _decoder(self, files: FileSchemas, registry: RegistryClient | None) -> ports.Decoder:
        store = files if registry is None else Schemas(files, registry)
        decoder = Decoder(store, wire_formats(self._prepared.settings, files), self._admit)
        self._sift = Sieve(decoder, self._prepared.tombstones())
        return decoder

    async def _await_kafka(self) -> admin.Cluster:
        """Wait until Kafka answers, and see that all dead-letter topics are there.

        Raises:
            SetupError: one is not; with the command that creates it.
        """
        cluster = await self._answer(KAFKA, self._look)
        if cluster is None:
            return admin.Cluster("", {})
        self._prepared.check_letter_topics(cluster.topics)
        return cluster

    async def _look(self) -> admin.Cluster:
        """Ask Kafka about itself; no more once the bridge is to stop, for the end waits for it.

        Raises:
            Unavailable: it did not answer, or is not asked any more.
        """
        if self._stopping.is_set():
            raise Unavailable("the bridge is stopping")
        return await asyncio.to_thread(admin.look, self._prepared.settings.kafka_config())

    async def _answer(self, what: str, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Ask a neighbour until it answers; None when the bridge is to stop before that."""
        spell = Spell(what, self._observer)
        while not self._stopping.is_set():
            try:
                answer = await ask()
            except Unavailable as error:
                spell.because(str(error))
                await asyncio.sleep(START_AGAIN_S)
            else:
                spell.over()
                return answer
        return None

    async def _see_organisation(self, client: Client) -> None:
        wanted = self._prepared.settings.fullstory.org
        if wanted is not None:
            await self._answer(FULLSTORY, partial(see_organisation, client, wanted))

    async def _registry(self, stack: AsyncExitStack) -> RegistryClient | None:
        options = registry_options(self._prepared.settings)
        if options is None:
            return None
        return await stack.enter_async_context(RegistryClient(options))

    async def _check_newest(
        self, files: FileSchemas, registry: RegistryClient | None, topics: Collection[str]
    ) -> None:
        """The newest schema of every topic must fit the mappings, before the first record.

        `topics` are those of the cluster: those that a pattern takes are looked at, too.

        Raises:
            SetupError: with everything in which it does not.
        """
        plans: list[Plan] = []
        problems: list[Problem] = []
        for topic in self._prepared.among(topics):
            schema = await self._newest(files, registry, topic)
            if schema is None:
                continue
            try:
                plans.append(self._prepared.admit(topic, schema))
            except Problems as found:
                problems += found.problems
        for plan in plans:
            problems += conflicts(plan.typed, self._types)
        raise_problems(list(dict.fromkeys(problems)))

    def _admit(self, topic: str, schema: Schema) -> Plan:
        """The mappings for a schema that was met while running; told once if some do not fit."""
        plan = self._prepared.admit_as_far_as_it_fits(topic, schema, self._types)
        for misfit in plan.misfits:
            self._observer.tell(Misfit(topic, misfit.mapping, misfit.problem.message))
        return plan

    async def _newest(
        self, files: FileSchemas, registry: RegistryClient | None, topic: str
    ) -> Schema | None:
        codec = self._prepared.settings.avro.topics.get(self._prepared.name(topic))
        if codec is not None and codec.is_local:
            return files[str(codec.schema_files[-1])].schema
        if registry is None:
            return None
        subject = self._prepared.settings.avro.subject.replace("{topic}", topic)
        newest = await self._answer(REGISTRY, partial(registry.latest, subject))
        if newest is None and not self._stopping.is_set():
            self._observer.tell(Noted(f"the registry has no subject {subject} yet"))
        return newest.schema if newest else None

    def _throttle(self) -> Throttle:
        settings = self._prepared.settings
        return Throttle(
            in_flight_max=settings.fullstory.max_in_flight,
            unacknowledged_max=settings.delivery.duplicate_budget,
            now_s=asyncio.get_running_loop().time,
            max_rate=settings.fullstory.max_rate,
        )

    def _with_followers(self, stack: AsyncExitStack, throttle: Throttle) -> Observer:
        """The observer, and those of the bridge's own who act on what they are told.

        With a known rate, the share of it follows what the group gives us and takes.
        """
        recovery = Recovery(self._look, self._observer)
        stack.push_async_callback(recovery.close)
        if self._prepared.settings.fullstory.max_rate is None:
            return Everybody(self._observer, recovery)
        share = Share(self._partitions, throttle.set_share)
        stack.push_async_callback(share.close)
        return Everybody(self._observer, recovery, share)

    async def _partitions(self) -> int:
        """How many partitions all the topics have that this group reads."""
        cluster = await self._look()
        return sum(count for topic, count in cluster.topics.items() if self._prepared.reads(topic))

    def _policy(self) -> Policy:
        settings = self._prepared.settings.fullstory
        return Policy(settings.unknown_user, settings.unknown_user_wait_s)

    def _sender(self, client: Client, throttle: Throttle) -> Sender:
        return Sender(
            client,
            throttle,
            self._policy(),
            self._observer,
            now_s=asyncio.get_running_loop().time,
            chance=random.random,
            aside=self._workers.aside,
        )


def _freeze_what_stays() -> None:
    """Let the garbage collector pass over all that the start has made.

    It would go through the modules and the compiled mappings again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
