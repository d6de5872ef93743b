"""The tests beside the mappings: an input record, and the expected outcomes."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, Tag

from bridge.mapping.language.grammar.base import Strict, form_of


class InputRecord(Strict):
    """The record of a test."""

    topic: str = Field(description="The topic, as the mapping names it.")
    value: Any = Field(
        default=None, description="The value of the record. Leave it out for a tombstone."
    )
    key: str | None = Field(default=None, description="The key of the record.")
    headers: dict[str, str] = Field(default={}, description="The headers of the record.")
    timestamp: str | None = Field(
        default=None,
        description="The Kafka timestamp of the record, in RFC 3339. The age of the event is "
        "judged at this time.",
    )
    partition: StrictInt = Field(default=0, ge=0, description="The partition of the record.")
    offset: StrictInt = Field(default=0, ge=0, description="The offset of the record.")


class ExpectedSession(Strict):
    """The session that a test expects."""

    url: str | None = Field(default=None, description="The session URL (API v1).")
    device: str | None = Field(default=None, description="The device session (API v1).")
    id: str | None = Field(default=None, description="The session id (API v2).")


ExpectedSessionForm = Annotated[
    Annotated[Literal["recent", "none"], Tag("text")] | Annotated[ExpectedSession, Tag("object")],
    Discriminator(form_of),
]


class Expectation(Strict):
    """One outcome that a test expects."""

    mapping: str = Field(description="The mapping whose outcome is expected.")
    uid: str | None = Field(default=None, description="The user id of the event.")
    event: str | None = Field(default=None, description="The name of the event.")
    timestamp: str | None = Field(default=None, description="The time of the event.")
    session: ExpectedSessionForm | None = Field(
        default=None, description="The session of the event."
    )
    properties: dict[str, Any] | None = Field(
        default=None,
        description="Properties to compare, without suffixes. `~`: the property is not sent.",
    )
    exact: StrictBool = Field(
        default=False, description="Fails the test if the event has properties that are not listed."
    )
    dead_letter: str | None = Field(
        default=None, description="The expected reason of a dead letter, in place of an event."
    )
    skipped: str | None = Field(
        default=None, description="The expected reason of a skip, in place of an event."
    )
    halted: str | None = Field(
        default=None, description="The expected reason of a halt, in place of an event."
    )


class FileTest(Strict):
    """A test beside the mappings."""

    name: str = Field(description="The name of the test: a sentence.")
    input: InputRecord = Field(description="The record that is mapped.")
    expect: tuple[Expectation, ...] = Field(
        description="Every expected outcome. `[]`: no mapping matches."
    )
