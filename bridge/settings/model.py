"""The settings model: a key exists only if the bridge implements it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.documents.validation_messages import Mistake, refuse
from bridge.settings.codes import SettingsCode
from bridge.settings.sections.avro import AvroSettings
from bridge.settings.sections.fullstory import FullStorySettings
from bridge.settings.sections.kafka import KafkaKeys, Plain, revealed
from bridge.settings.sections.section import Section
from bridge.settings.sections.value_types import (
    KeySetting,
    NamesSetting,
    Number,
    OptionalAddress,
    Pairs,
    Patterns,
    Size,
    TimeSetting,
    Whole,
    split_address,
    topic_fault,
)

MIB = 1024 * 1024


class PrivacySettings(Section):
    """What must not be sent in clear text."""

    never_send: NamesSetting = Field(
        default=(),
        description="Globs of paths and property names that must not be sent in clear, in "
        "addition to the built-in ones.",
    )
    hash_key: Annotated[KeySetting | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None, description="The secret key of `hash: hmac-sha256`."
    )


def _dead_letter_topic(name: str) -> str:
    fault = topic_fault(name.replace("{topic}", "t"))
    if fault is not None:
        fix = "`{topic}` can be used as a placeholder for the record's topic"
        raise refuse(Mistake(SettingsCode.TOPIC_NAME, fault, fix=fix))
    if name == "{topic}":
        fix = "write `{topic}.dead-letters`"
        fault = "dead letters in the record's own topic would be read again endlessly"
        raise refuse(Mistake(SettingsCode.TOPIC_NAME, fault, fix=fix))
    return name


class DeadLetterSettings(Section):
    """Where records go that cannot be delivered."""

    topic: Annotated[str, AfterValidator(_dead_letter_topic)] = Field(
        default="fullstory-bridge.dead-letters",
        description="The dead-letter topic. It must exist. `{topic}` is the topic of the record.",
    )


class HaltSettings(Section):
    """When a mapping's topics are halted because it rejects too many records."""

    rejected_share: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The share of its last matches that a mapping may reject, and of its last "
        "records that may be undecodable in a topic. It is judged from the 20th one on; `1` allows "
        "any number.",
    )
    of_last_matches: Whole = Field(
        default=500,
        ge=20,
        le=10_000,
        description="How many of the last matches or records are judged.",
    )


def _halt(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value
    fix = "use `halt: ~` to turn it off"
    raise refuse(Mistake(SettingsCode.WRONG_TYPE, "this must be an object (`key: value`)", fix=fix))


class DeliverySettings(Section):
    """Limits on work in flight, and on the time for draining."""

    duplicate_budget: Whole = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="The maximum number of events that are sent again after a crash.",
    )
    window_bytes_max: Size = Field(
        default=64 * MIB,
        ge=MIB,
        description="The maximum size of all records in progress, in bytes or with a unit: "
        "`64MiB`.",
    )
    commit_interval_ms: Whole = Field(
        default=250, ge=10, le=60_000, description="The time between two commits, in milliseconds."
    )
    rebalance_drain_s: Number = Field(
        default=15,
        ge=0,
        le=300,
        description="How long a rebalance waits for requests in flight, in seconds.",
    )
    shutdown_drain_s: Number = Field(
        default=25,
        ge=0,
        le=3600,
        description="How long a stop waits for requests in flight, in seconds.",
    )


class StatusSettings(Section):
    """The status server, which needs no authentication."""

    listen: OptionalAddress = Field(
        default="127.0.0.1:8080",
        description="The address that serves `/livez`, `/readyz` and `/status`. Port 0 is any free "
        "port; `~` disables it.",
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None if the status server is off."""
        return None if self.listen is None else split_address(self.listen)


def _status(value: object) -> object:
    return {"listen": None} if value is None else value


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is written."
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="The format of the lines. `auto` is text on a terminal and JSON elsewhere.",
    )


def _topic_names(names: dict[str, str]) -> dict[str, str]:
    mistakes = []
    owner: dict[str, str] = {}
    for name, topic in names.items():
        fault = topic_fault(topic)
        if fault is not None:
            mistakes.append(Mistake(SettingsCode.TOPIC_NAME, fault, (name,)))
        first = owner.setdefault(topic, name)
        if first != name:
            message = f"`{topic}` already has the name `{first}`"
            mistakes.append(Mistake(SettingsCode.ONE_NAME, message, (name,), fix="keep one name"))
    if mistakes:
        raise refuse(*mistakes)
    return names


class Settings(Section):
    """All settings of one bridge."""

    kafka: KafkaKeys = Field(description="Keys of librdkafka, passed on unchanged.")
    mappings: Annotated[Patterns, Field(min_length=1)] = Field(
        description="Globs of mapping files, relative to the settings file."
    )
    mappings_off: NamesSetting = Field(
        default=(), description="Names of mappings to disable, whatever their files say."
    )
    topic_names: Annotated[Pairs, AfterValidator(_topic_names)] = Field(
        default_factory=dict,
        description="Names of topics: the name in mapping files, then the name in Kafka.",
    )
    start: TimeSetting = Field(
        default="latest",
        description="Where reading starts if the group has no committed offset: `latest`, "
        "`earliest`, or a time in RFC 3339.",
    )
    out_of_range: Literal["halt", "earliest", "latest"] = Field(
        default="halt",
        description="What happens if the committed offset is no longer in the log.",
    )
    avro: AvroSettings = Field(description="Schemas and wire formats.")
    fullstory: FullStorySettings = Field(description="The account that the events go to.")
    privacy: PrivacySettings = Field(
        default=PrivacySettings(), description="What must not be sent in clear."
    )
    dead_letters: DeadLetterSettings = Field(
        default=DeadLetterSettings(), description="Where records go that cannot be delivered."
    )
    halt: Annotated[HaltSettings | None, BeforeValidator(_halt)] = Field(
        default=HaltSettings(),
        description="When a mapping rejects too many records, its topics are halted. `~` "
        "disables it.",
    )
    delivery: DeliverySettings = Field(
        default=DeliverySettings(),
        description="How many records are in progress, and how long a stop may take.",
    )
    status: Annotated[StatusSettings, BeforeValidator(_status)] = Field(
        default=StatusSettings(),
        description="The HTTP endpoint for health checks. `~` disables it.",
    )
    log: LogSettings = Field(
        default=LogSettings(), description="What is written to standard error."
    )

    def kafka_config(self) -> dict[str, Plain]:
        """The keys of `kafka` with secrets in clear text: only for a client's constructor."""
        return revealed(self.kafka)
