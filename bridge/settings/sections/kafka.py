"""The section `kafka`: librdkafka's own keys, validated and passed through.

Invariants: keys are passed on unchanged; four keys belong to the bridge and are refused with the
reason; secrets become `SecretStr`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr, ValidationInfo, WithJsonSchema

from bridge.documents.problems import did_you_mean
from bridge.documents.validation_messages import Mistake, refuse
from bridge.settings.codes import SettingsCode
from bridge.settings.sections.value_types import validation_context
from bridge.settings.sources.secrets import is_secret_name

Plain = str | int | float | bool

REQUIRED = {
    "bootstrap.servers": "the bootstrap brokers, `host:port,host:port`",
    "group.id": "the consumer group that commits the offsets",
}
OWNED = {
    "enable.auto.commit": "an offset is committed only after its events are delivered",
    "enable.auto.offset.store": "an offset is committed only after its events are delivered",
    "auto.offset.reset": "`start` and `out_of_range` decide where consumption starts",
    "isolation.level": "records of aborted transactions are never read: always read_committed",
    "enable.partition.eof": "the end of a partition is committed once it is reached",
}
_FROM_JAVA = {
    "ssl.truststore.location": "`ssl.ca.location`, a PEM file",
    "ssl.truststore.password": "`ssl.ca.location`, a PEM file without password",
    "sasl.jaas.config": "`sasl.username` and `sasl.password`",
    "schema.registry.url": "`avro.registry.url`",
    "key.deserializer": "no setting: the bridge decodes the records",
    "value.deserializer": "no setting: the bridge decodes the records",
    "max.poll.records": "`delivery.window_bytes_max`",
}
"""Keys of the Java client that users paste, and what to use instead."""

_FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.crl.location")


def _checked(keys: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    context = validation_context(info)
    known = context.known_kafka_keys if context is not None else None
    mistakes = [*_missing(keys), *_owned(keys), *_unknown(keys, known)]
    if context is not None:  # librdkafka reports a wrong path only when it connects
        mistakes += _missing_files(keys)
    if mistakes:
        raise refuse(*mistakes)
    return {key: _hidden(key, value) for key, value in keys.items()}


def _missing(keys: dict[str, Any]) -> Iterator[Mistake]:
    for key, meaning in REQUIRED.items():
        if key not in keys:
            message = f"`kafka.{key}` is missing: {meaning}"
            yield Mistake("missing_key", message, (key,), key=True)
        elif keys[key] == "":
            yield Mistake("wrong_value", f"`kafka.{key}` is empty: {meaning}", (key,))


def _owned(keys: dict[str, Any]) -> Iterator[Mistake]:
    for key, reason in OWNED.items():
        if key in keys:
            message = f"`{key}` is set by the bridge: {reason}"
            yield Mistake(SettingsCode.OWNED_BY_BRIDGE, message, (key,), key=True, fix="remove it")


def _unknown(keys: dict[str, Any], known: frozenset[str] | None) -> Iterator[Mistake]:
    for key in keys:
        message = f"librdkafka has no key `{key}`"
        if key in _FROM_JAVA:
            fix: str | None = f"this is a key of the Java client; use {_FROM_JAVA[key]}"
        elif known is None or key in known or key in REQUIRED or key in OWNED:
            continue
        else:
            near = did_you_mean(key, known)
            fix = f"did you mean `{near}`?" if near is not None else None
        yield Mistake(SettingsCode.UNKNOWN_KAFKA_KEY, message, (key,), key=True, fix=fix)


def _missing_files(keys: dict[str, Any]) -> Iterator[Mistake]:
    for key in _FILES:
        value = keys.get(key)
        if isinstance(value, str) and value != "probe" and not Path(value).exists():
            message = f"the file {value} does not exist"
            fix = f"librdkafka resolves it in the working directory, {Path.cwd()}"
            yield Mistake(SettingsCode.NO_SUCH_FILE, message, (key,), fix=fix)


def _hidden(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return SecretStr(str(value)) if is_secret_name(key) else str(value)


def revealed(keys: dict[str, Plain | SecretStr]) -> dict[str, Plain]:
    """The keys with secrets in clear text: only for a client's constructor."""
    return {
        key: value.get_secret_value() if isinstance(value, SecretStr) else value
        for key, value in keys.items()
    }


KafkaKeys = Annotated[
    dict[str, str | int | float | bool | SecretStr],
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                key: {"type": "string", "description": text} for key, text in REQUIRED.items()
            },
            "required": list(REQUIRED),
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }
    ),
]
