"""What a person can set, and nothing else: a key is here when its behaviour is."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.documents.wording import Mistake, refuse
from bridge.settings.avro_section import Avro
from bridge.settings.codes import Code
from bridge.settings.fullstory_section import FullStory
from bridge.settings.kafka_keys import KafkaKeys, Plain, revealed
from bridge.settings.kinds import (
    Key,
    Moment,
    Names,
    Number,
    OptionalAddress,
    Pairs,
    Patterns,
    Size,
    Whole,
    split_address,
    topic_fault,
)
from bridge.settings.section import Section

MIB = 1024 * 1024


class Privacy(Section):
    """What must not leave in clear."""

    never_send: Names = Field(
        default=(), description="Globs over names that may not be sent, beside the built-in ones."
    )
    hash_key: Annotated[Key | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None, description="The secret of `hash: hmac-sha256`."
    )


def _letter_topic(name: str) -> str:
    fault = topic_fault(name.replace("{topic}", "t"))
    if fault is not None:
        cure = "`{topic}` may stand in it for the record's topic"
        raise refuse(Mistake(Code.TOPIC_NAME, fault, cure=cure))
    if name == "{topic}":
        cure = "write `{topic}.dead-letters`"
        fault = "dead letters written to the record's own topic would be read again for ever"
        raise refuse(Mistake(Code.TOPIC_NAME, fault, cure=cure))
    return name


class DeadLetters(Section):
    """Where records go that can never be delivered."""

    topic: Annotated[str, AfterValidator(_letter_topic)] = Field(
        default="fullstory-bridge.dead-letters",
        description="A topic that exists; `{topic}` stands for the record's topic.",
    )


class Halt(Section):
    """When a mapping rejects so much that its topics stand still until a person has looked."""

    rejected_share: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The share of its last matches that a mapping may reject, judged from 20 "
        "matches on; at 1 it may reject all of them.",
    )
    of_last_matches: Whole = Field(
        default=500, ge=20, le=10_000, description="How many matches are the last ones."
    )


def _halt(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value
    cure = "`halt: ~` switches it off"
    raise refuse(Mistake(Code.WRONG_TYPE, "this must be an object (`key: value`)", cure=cure))


class Delivery(Section):
    """How much is under way at one time, and how long an end may take."""

    duplicate_budget: Whole = Field(
        default=1000, ge=1, le=1_000_000, description="Most events that a kill -9 may send twice."
    )
    window_bytes_max: Size = Field(
        default=64 * MIB,
        ge=MIB,
        description="Bytes of records that are taken and not settled, at most.",
    )
    commit_interval_ms: Whole = Field(
        default=250, ge=10, le=60_000, description="Milliseconds between two commits."
    )
    rebalance_drain_s: Number = Field(
        default=15, ge=0, le=300, description="Seconds a rebalance waits for what is in flight."
    )
    shutdown_drain_s: Number = Field(
        default=25, ge=0, le=3600, description="Seconds a stop waits for what is in flight."
    )


class Status(Section):
    """Where the status is told over HTTP, to whoever can reach it."""

    listen: OptionalAddress = Field(
        default="127.0.0.1:8080",
        description="Where `/livez`, `/readyz` and `/status` are told; port 0 is any free one,"
        " `~` switches it off.",
    )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None when it is switched off."""
        return None if self.listen is None else split_address(self.listen)


def _status(value: object) -> object:
    return {"listen": None} if value is None else value


class Log(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines that are written."
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto` is JSON unless a person looks at a terminal."
    )


def _topic_names(names: dict[str, str]) -> dict[str, str]:
    mistakes = []
    owner: dict[str, str] = {}
    for name, topic in names.items():
        fault = topic_fault(topic)
        if fault is not None:
            mistakes.append(Mistake(Code.TOPIC_NAME, fault, (name,)))
        first = owner.setdefault(topic, name)
        if first != name:
            message = f"`{topic}` has the name `{first}` already"
            mistakes.append(Mistake(Code.ONE_NAME, message, (name,), cure="keep one name"))
    if mistakes:
        raise refuse(*mistakes)
    return names


class Settings(Section):
    """All settings of one bridge."""

    kafka: KafkaKeys = Field(description="librdkafka's own keys, passed through unchanged.")
    mappings: Annotated[Patterns, Field(min_length=1)] = Field(
        description="Globs of mapping files, relative to this file."
    )
    mappings_off: Names = Field(
        default=(), description="Names of mappings that are switched off, whatever files say."
    )
    topic_names: Annotated[Pairs, AfterValidator(_topic_names)] = Field(
        default_factory=dict, description="The name in mapping files: the topic's name in Kafka."
    )
    start: Moment = Field(
        default="latest",
        description="Where a group begins on a topic it has never committed: `latest`, "
        "`earliest`, or a time in RFC 3339.",
    )
    out_of_range: Literal["halt", "earliest", "latest"] = Field(
        default="halt",
        description="What happens when the committed offset is no longer in the log.",
    )
    avro: Avro = Field(description="Schemas and framing.")
    fullstory: FullStory = Field(description="The account that the events go to.")
    privacy: Privacy = Field(default=Privacy(), description="What must not leave in clear.")
    dead_letters: DeadLetters = Field(
        default=DeadLetters(), description="Where undeliverable records go."
    )
    halt: Annotated[Halt | None, BeforeValidator(_halt)] = Field(
        default=Halt(),
        description="When a mapping rejects so much of its records that its topics are halted, "
        "in place of filling the dead-letter topic; `~` switches it off.",
    )
    delivery: Delivery = Field(default=Delivery(), description="How much is under way at one time.")
    status: Annotated[Status, BeforeValidator(_status)] = Field(
        default=Status(), description="Where the status is told over HTTP; `~` switches it off."
    )
    log: Log = Field(default=Log(), description="What is written to standard error.")

    def kafka_config(self) -> dict[str, Plain]:
        """The keys of `kafka` with the secrets in clear: for a client's constructor only."""
        return revealed(self.kafka)
