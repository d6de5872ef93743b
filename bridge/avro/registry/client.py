"""The Schema Registry, by Confluent's REST interface (Apicurio and Karapace speak it too).

Invariants: a schema never changes, so what was found is kept for good. An id that the registry does
not know is not asked for again for a while, and one question is on its way only once, however
many records wait for it. Schemas refer to each other: all that is needed is fetched with them,
within bounds.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Self
from urllib.parse import quote

from bridge.avro.registry.transport import NotFoundError, RegistryOptions, RegistryTransport
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import SchemaFile, SchemaGuid, SchemaKey
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.schema.parser import UnusableSchema, parse_schema

REFERENCES_MAX = 500
"""Schemas that one schema may need, with those that these need."""

_UNKNOWN_MAX = 10_000


class _Refusal(Exception):
    """Why a schema of the registry is of no use, for good."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def poison(self) -> PoisonRecord:
        return PoisonRecord(self.message, stage="decode", reason=self.reason)


class RegistryClient:
    """A SchemaStore over HTTP. Use as an async context manager, or `close` it.

    `clock` gives seconds that never go back.
    """

    def __init__(
        self, options: RegistryOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = RegistryTransport(options)
        self._unknown_ttl_s = options.unknown_ttl_s
        self._clock = clock
        self._schemas: dict[SchemaKey, WriterSchema] = {}
        self._refused: dict[SchemaKey, _Refusal] = {}
        self._unknown: dict[SchemaKey, float] = {}
        self._asked: dict[SchemaKey, asyncio.Task[WriterSchema]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up what is being asked and close the connections."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._transport.close()

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema, if it was fetched before."""
        return self._schemas.get(key)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get a schema by id or GUID; raises Unavailable or PoisonRecord."""
        found = self._schemas.get(key)
        if found is not None:
            return found
        self._raise_remembered(key)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._look_up(key))
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)  # a waiter that is cancelled does not end it for others

    async def latest(self, subject: str) -> WriterSchema | None:
        """The newest version of a subject; None: nothing is registered there yet.

        Raises Unavailable, or SetupError when it is no usable Avro schema.
        """
        return await self._version(subject, "latest")

    async def subjects(self) -> list[str]:
        """All subjects that are registered, in order; raises Unavailable."""
        answer = await self._transport.get("/subjects")
        if isinstance(answer, list) and all(isinstance(name, str) for name in answer):
            return sorted(answer)
        raise Unavailable("the registry's list of subjects is not a list of names")

    async def versions(self, subject: str) -> list[WriterSchema]:
        """All versions of a subject, oldest first; raises as `latest` does."""
        try:
            numbers = await self._transport.get(f"/subjects/{quote(subject, safe='')}/versions")
        except NotFoundError:
            return []
        found = [await self._version(subject, str(number)) for number in _numbers(numbers)]
        return [version for version in found if version is not None]

    def _raise_remembered(self, key: SchemaKey) -> None:
        refusal = self._refused.get(key)
        if refusal is not None:
            raise refusal.poison()
        until = self._unknown.get(key)
        if until is not None and self._clock() < until:
            raise self._unknown_refusal(key).poison()

    def _forget(self, key: SchemaKey, task: "asyncio.Task[WriterSchema]") -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # asked for, so that nobody waiting is no error

    async def _look_up(self, key: SchemaKey) -> WriterSchema:
        if isinstance(key, SchemaFile):
            raise Unavailable(f"{key} is not for the registry")
        kind = "guids" if isinstance(key, SchemaGuid) else "ids"
        try:
            answer = await self._transport.get(f"/schemas/{kind}/{key[0]}")
            found = await self._writer_schema(answer, str(key))
        except NotFoundError:
            self._remember_unknown(key)
            raise self._unknown_refusal(key).poison() from None
        except _Refusal as refusal:
            self._refused[key] = refusal
            raise refusal.poison() from None
        self._unknown.pop(key, None)
        self._schemas[key] = found
        return found

    async def _version(self, subject: str, version: str) -> WriterSchema | None:
        path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
        try:
            answer = await self._transport.get(path)
        except NotFoundError:
            return None
        number = answer.get("version") if isinstance(answer, dict) else None
        label = f"{subject} version {number or version}"
        try:
            found = await self._writer_schema(answer, label)
        except _Refusal as refusal:
            raise SetupError(refusal.message) from None
        return WriterSchema(label, found.schema, number, found.texts)

    async def _writer_schema(self, answer: Any, label: str) -> WriterSchema:
        """The tree of the schema in an answer, with all that it refers to; raises _Refusal."""
        text, references = self._contents(answer, label)
        needed: dict[tuple[str, int], str] = {}
        await self._collect(references, needed, frozenset(), label)
        try:
            others = tuple(needed.values())
            return WriterSchema(label, parse_schema(text, others), texts=(*others, text))
        except UnusableSchema as error:
            raise _Refusal(
                "unusable_schema", f"{label} is no usable Avro schema: {error}"
            ) from None
        except RecursionError:
            raise _Refusal("unusable_schema", f"{label} is nested too deep") from None

    async def _collect(
        self,
        references: Sequence[tuple[str, int]],
        needed: dict[tuple[str, int], str],
        above: frozenset[tuple[str, int]],
        label: str,
    ) -> None:
        """Fetch what is referred to, innermost first, each once; a circle is cut."""
        for reference in references:
            if reference in needed or reference in above:
                continue
            if len(needed) + len(above) >= REFERENCES_MAX:
                raise _Refusal("unusable_schema", f"{label} needs over {REFERENCES_MAX} others")
            text, inner = self._contents(await self._referred(reference, label), label)
            await self._collect(inner, needed, above | {reference}, label)
            needed[reference] = text

    async def _referred(self, reference: tuple[str, int], label: str) -> Any:
        subject, version = reference
        path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
        try:
            return await self._transport.get(f"{path}?deleted=true")
        except NotFoundError:
            raise Unavailable(
                f"{label} refers to version {version} of {subject}, which the registry at "
                f"{self._transport.host} does not have: register it again"
            ) from None

    def _contents(self, answer: Any, label: str) -> tuple[str, list[tuple[str, int]]]:
        """Text and references of a schema in an answer; raises _Refusal when it is not Avro."""
        if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
            raise Unavailable(f"the registry at {self._transport.host} answered without a schema")
        kind = answer.get("schemaType") or "AVRO"
        if kind != "AVRO":
            raise _Refusal(
                "schema_not_avro", f"{label} is {kind}, and only Avro is read: leave this topic out"
            )
        references = answer.get("references") or []
        try:
            return answer["schema"], [(str(r["subject"]), int(r["version"])) for r in references]
        except (KeyError, TypeError, ValueError):
            host = self._transport.host
            raise Unavailable(f"the registry at {host} answered with odd references") from None

    def _remember_unknown(self, key: SchemaKey) -> None:
        if len(self._unknown) >= _UNKNOWN_MAX:  # damaged records name ever new ids
            del self._unknown[next(iter(self._unknown))]
        self._unknown[key] = self._clock() + self._unknown_ttl_s

    def _unknown_refusal(self, key: SchemaKey) -> _Refusal:
        return _Refusal(
            "unknown_schema_id",
            f"the registry at {self._transport.host} has no {key}: was the record written with "
            "another registry, or the schema deleted?",
        )


def _numbers(answer: Any) -> list[int]:
    if isinstance(answer, list) and all(type(number) is int for number in answer):
        return sorted(answer)
    raise Unavailable("the registry's list of versions is not a list of numbers")
