"""The Schema Registry client, for Confluent's REST API (Apicurio and Karapace support it too).

Invariants: schemas never change, so they are cached forever. An unknown id is cached for a while.
Concurrent requests for one schema are deduplicated. A schema's references are fetched with it, up
to a maximum number.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from bridge.avro.registry.transport import NotFoundError, RegistryOptions, RegistryTransport
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import SchemaFile, SchemaGuid, SchemaKey, context_of
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.schema.parser import UnusableSchema, parse_schema

REFERENCES_MAX = 500
"""Maximum number of direct and indirect references of one schema."""

_UNKNOWN_MAX = 10_000


class _Refusal(Exception):
    """Why a schema in the registry is permanently unusable."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def poison(self) -> PoisonRecord:
        return PoisonRecord(self.message, stage="decode", reason=self.reason)


class _Reference(NamedTuple):
    """A version of a subject that another schema references."""

    subject: str
    version: int

    @classmethod
    def of(cls, content: Mapping[str, Any], context: str) -> Self:
        """Parse a reference in a response; raises KeyError, TypeError or ValueError.

        A subject without a context is in the given one.
        """
        subject = str(content["subject"])
        qualified = subject if subject.startswith(":") else context + subject
        return cls(qualified, int(content["version"]))

    def __str__(self) -> str:
        return f"{self.subject} version {self.version}"


@dataclass(slots=True)
class _References:
    """The references of the schema `label`; `texts` has them by label, innermost first."""

    label: str
    done: set[_Reference] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)


class _MissingReference(Unavailable):
    """The registry lacks a schema that another one references.

    A record waits until it is registered again. A check of versions does not wait: it is a fault
    of this version alone.
    """


class RegistryClient:
    """A SchemaStore over HTTP; use it as an async context manager, or call `close`.

    `clock` is a monotonic clock in seconds.
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
        self._pending: dict[SchemaKey, asyncio.Task[WriterSchema]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel pending requests and close the connections."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._transport.close()

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema, if it was already fetched."""
        return self._schemas.get(key)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get a schema by id or GUID; raises Unavailable or PoisonRecord."""
        schema = self._schemas.get(key)
        if schema is not None:
            return schema
        self._raise_cached(key)
        task = self._pending.get(key)
        if task is None:
            task = self._pending[key] = asyncio.create_task(self._look_up(key))
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)  # a cancelled caller does not cancel it for others

    async def latest(self, subject: str) -> WriterSchema | None:
        """The latest version of a subject; None if the subject has no versions.

        Raises Unavailable, or SetupError if it is not a usable Avro schema.
        """
        return await self._version(subject, "latest")

    async def subjects(self) -> list[str]:
        """All registered subjects, sorted; raises Unavailable."""
        response = await self._transport.get("/subjects")
        if isinstance(response, list) and all(isinstance(name, str) for name in response):
            return sorted(response)
        raise Unavailable("the registry's response for the subjects is not a list of names")

    async def versions(self, subject: str) -> list[WriterSchema]:
        """All versions of a subject, oldest first; raises like `latest`."""
        try:
            numbers = await self._transport.get(f"/subjects/{quote(subject, safe='')}/versions")
        except NotFoundError:
            return []
        versions = [await self._version(subject, str(number)) for number in _numbers(numbers)]
        return [version for version in versions if version is not None]

    def _raise_cached(self, key: SchemaKey) -> None:
        refusal = self._refused.get(key)
        if refusal is not None:
            raise refusal.poison()
        until = self._unknown.get(key)
        if until is not None and self._clock() < until:
            raise self._unknown_key_refusal(key).poison()

    def _forget(self, key: SchemaKey, task: "asyncio.Task[WriterSchema]") -> None:
        del self._pending[key]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio logs nothing if no caller is left

    async def _look_up(self, key: SchemaKey) -> WriterSchema:
        if isinstance(key, SchemaFile):
            raise Unavailable(f"{key} is not a registry key")
        kind, subject = ("guids", "") if isinstance(key, SchemaGuid) else ("ids", key.subject)
        query = f"?subject={quote(subject, safe='')}" if subject else ""
        try:
            response = await self._transport.get(f"/schemas/{kind}/{key[0]}{query}")
            schema = await self._writer_schema(response, str(key), context_of(subject))
        except NotFoundError:
            self._cache_unknown(key)
            raise self._unknown_key_refusal(key).poison() from None
        except _Refusal as refusal:
            self._refused[key] = refusal
            raise refusal.poison() from None
        self._unknown.pop(key, None)
        self._schemas[key] = schema
        return schema

    async def _version(self, subject: str, version: str) -> WriterSchema | None:
        path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
        try:
            response = await self._transport.get(path)
        except NotFoundError:
            return None
        number = response.get("version") if isinstance(response, dict) else None
        label = f"{subject} version {number or version}"
        try:
            writer = await self._writer_schema(response, label, context_of(subject))
        except (_Refusal, _MissingReference) as error:
            raise SetupError(str(error)) from None
        return WriterSchema(label, writer.schema, number, writer.texts)

    async def _writer_schema(self, response: Any, label: str, context: str) -> WriterSchema:
        """Parse the schema in a response, with its references; raises _Refusal.

        A reference without a context is in the context of the schema.
        """
        text, references = self._text_and_references(response, label, context)
        collected = _References(label)
        await self._collect_references(references, collected, frozenset(), label)
        try:
            schema = parse_schema(text, collected.texts)
            return WriterSchema(label, schema, texts=(*collected.texts.values(), text))
        except UnusableSchema as error:
            raise _Refusal(
                "unusable_schema", f"{label} is not a usable Avro schema: {error}"
            ) from None
        except RecursionError:
            raise _Refusal("unusable_schema", f"{label} is nested too deeply") from None

    async def _collect_references(
        self,
        references: Sequence[_Reference],
        collected: _References,
        ancestors: frozenset[_Reference],
        referenced_by: str,
    ) -> None:
        """Fetch all references once, innermost first; a cycle ends at the repeated reference."""
        for reference in references:
            if reference in collected.done or reference in ancestors:
                continue
            if len(collected.done) + len(ancestors) >= REFERENCES_MAX:
                message = f"{collected.label} has more than {REFERENCES_MAX} references"
                raise _Refusal("unusable_schema", message)
            label = f"{reference} (referenced by {referenced_by})"
            response = await self._fetch_reference(reference, referenced_by)
            text, inner = self._text_and_references(response, label, context_of(reference.subject))
            await self._collect_references(
                inner, collected, ancestors | {reference}, str(reference)
            )
            collected.done.add(reference)
            collected.texts[label] = text

    async def _fetch_reference(self, reference: _Reference, label: str) -> Any:
        subject, version = reference
        path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
        try:
            return await self._transport.get(f"{path}?deleted=true")
        except NotFoundError:
            raise _MissingReference(
                f"{label} references version {version} of {subject}, which is not in the registry "
                f"at {self._transport.host}: register it again"
            ) from None

    def _text_and_references(
        self, response: Any, label: str, context: str
    ) -> tuple[str, list[_Reference]]:
        """The text and references of a schema in a response; raises _Refusal if it is not Avro."""
        if not isinstance(response, dict) or not isinstance(response.get("schema"), str):
            raise Unavailable(
                f"the response of the registry at {self._transport.host} has no schema"
            )
        kind = response.get("schemaType") or "AVRO"
        if kind != "AVRO":
            raise _Refusal(
                "schema_not_avro",
                f"{label} is {kind}, and only Avro is supported: remove the topic",
            )
        references = response.get("references") or []
        try:
            return response["schema"], [_Reference.of(r, context) for r in references]
        except (KeyError, TypeError, ValueError):
            host = self._transport.host
            raise Unavailable(
                f"the response of the registry at {host} has invalid references"
            ) from None

    def _cache_unknown(self, key: SchemaKey) -> None:
        if len(self._unknown) >= _UNKNOWN_MAX:  # damaged records can contain any id
            del self._unknown[next(iter(self._unknown))]
        self._unknown[key] = self._clock() + self._unknown_ttl_s

    def _unknown_key_refusal(self, key: SchemaKey) -> _Refusal:
        return _Refusal(
            "unknown_schema_id",
            f"the registry at {self._transport.host} has no {key}: check if the schema was "
            "deleted, or if the producer uses another registry",
        )


def _numbers(response: Any) -> list[int]:
    if isinstance(response, list) and all(type(number) is int for number in response):
        return sorted(response)
    raise Unavailable("the registry's response for the versions is not a list of numbers")
