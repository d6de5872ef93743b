"""The mapping file's grammar as models: short forms are text, long forms are objects.

Invariants: form only. What needs more than one key, a path's spelling or a schema is checked in
`load.py` and the compiler, so that its mistakes have codes of their own.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    Tag,
    WithJsonSchema,
)

Scalar = StrictBool | StrictInt | StrictFloat | str
Mode = Literal["live", "shadow", "off"]
OnError = Literal["dead_letter", "skip", "halt"]
LateWord = Literal["send", "send_without_session", "skip", "dead_letter"]
TimeFormat = Literal["iso8601", "unix", "unix_ms", "unix_us", "unix_ns"]
TypeWord = Literal["str", "int", "real", "bool", "date", "strs", "ints", "reals", "bools", "dates"]


def _form(value: Any) -> str:
    """Which of the two forms a person wrote."""
    return "text" if isinstance(value, str) else "object"


def _topics_form(value: Any) -> str:
    """Topics by pattern are an object, those by name a list."""
    return "object" if isinstance(value, Mapping | TopicPattern) else "list"


PathText = Annotated[str, Field(min_length=1, description="A path, as `customer.id`.")]
FilterData = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "Paths to what their values must be."}),
]


class Strict(BaseModel):
    """The base of all: frozen, and no key that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class TopicPattern(Strict):
    """Topics by their names' form; those that appear later are read too."""

    pattern: str = Field(
        min_length=1, description="A pattern of RE2 over names, as `^shop\\.orders\\.`."
    )


class LongUid(Strict):
    """Where the user's id stands, the long form."""

    path: PathText | None = Field(default=None, description="The one place.")
    first_of: tuple[PathText, ...] | None = Field(
        default=None, min_length=1, description="The first of these that is not missing."
    )
    optional: StrictBool = Field(
        default=False, description="Records without a user are skipped, not rejected."
    )


class EventTable(Strict):
    """The event's name by a closed table."""

    path: PathText = Field(description="What is looked up.")
    values: dict[str, str] = Field(min_length=1, description="The names, by the value found.")


class LongTimestamp(Strict):
    """When the event happened, the long form."""

    path: PathText = Field(description="The time's place.")
    format: TimeFormat | None = Field(default=None, description="Of text and bare numbers.")
    zone: str | None = Field(
        default=None, description="Of times without offset, as `Europe/Berlin`."
    )
    optional: StrictBool = Field(
        default=False, description="Where it is missing, the record's own time counts."
    )


class SessionPath(Strict):
    """A session named by the record."""

    url: PathText | None = Field(
        default=None, description="FullStory's address of the session (v1)."
    )
    device: PathText | None = Field(default=None, description="The device's session (v1).")
    id: PathText | None = Field(default=None, description="The session's id (v2).")
    optional: StrictBool = Field(
        default=False, description="Where it is missing, the event is sent without a session."
    )


class Sample(Strict):
    """A share of the users, the same ones each time."""

    keep: StrictFloat | StrictInt = Field(description="The share, above 0 and at most 1.")
    by: Literal["uid"] = Field(description="What decides: the user.")


class LongValue(Strict):
    """A property, the long form: one source, then converters in their fixed order."""

    path: PathText | None = Field(default=None, description="A place in the record.")
    const: Scalar | None = Field(default=None, description="The same for every record.")
    template: str | None = Field(default=None, description="Text with `{path}` in it.")
    first_of: tuple[PathText, ...] | None = Field(
        default=None, min_length=1, description="The first of these that is not missing."
    )
    default: Scalar | tuple[Scalar, ...] | None = Field(
        default=None, description="Sent where the value is missing, as it is written."
    )
    optional: StrictBool = Field(default=False, description="Left out where it is missing.")
    count: StrictBool = Field(default=False, description="How many items, not which.")
    max_items: StrictInt | None = Field(
        default=None, ge=1, description="The first so many items only."
    )
    case: Literal["upper", "lower"] | None = Field(
        default=None, description="Capitals or small letters."
    )
    values: dict[str, Scalar] | None = Field(
        default=None, min_length=1, description="What is sent, by the value found."
    )
    else_: Scalar | None = Field(
        default=None, alias="else", description="What is sent for a value that is not listed."
    )
    scale: StrictInt | StrictFloat | None = Field(default=None, description="A factor, exact.")
    type: TypeWord | None = Field(default=None, description="Another type than the schema's.")
    format: TimeFormat | None = Field(
        default=None, description="Of a date that is text or a number."
    )
    zone: str | None = Field(default=None, description="Of a date without offset.")
    redact: Literal["mask", "last4"] | None = Field(
        default=None, description="Most of it made unreadable."
    )
    hash: Literal["sha256", "hmac-sha256"] | None = Field(
        default=None, description="A digest of it."
    )


TopicsForm = Annotated[
    Annotated[tuple[str, ...], Tag("list")] | Annotated[TopicPattern, Tag("object")],
    Discriminator(_topics_form),
]
UidForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongUid, Tag("object")], Discriminator(_form)
]
EventForm = Annotated[
    Annotated[str, Tag("text")] | Annotated[EventTable, Tag("object")], Discriminator(_form)
]
TimestampForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongTimestamp, Tag("object")],
    Discriminator(_form),
]
SessionForm = Annotated[
    Annotated[Literal["recent", "none"], Tag("text")] | Annotated[SessionPath, Tag("object")],
    Discriminator(_form),
]
ValueForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongValue, Tag("object")], Discriminator(_form)
]


class Defaults(Strict):
    """What holds for every mapping of the file that does not say otherwise."""

    session: SessionForm | None = Field(default=None, description="As in a mapping.")
    on_error: OnError | None = Field(default=None, description="As in a mapping.")
    mode: Mode | None = Field(default=None, description="As in a mapping.")
    late: LateWord | None = Field(default=None, description="As in a mapping.")
    never_send: tuple[str, ...] = Field(
        default=(), description="Globs over paths and names, beside the built-in ones."
    )


class MappingRule(Strict):
    """One mapping: which records, and the event that each of them becomes."""

    name: str = Field(description="Unique over all files: small letters, digits, dashes.")
    description: str | None = Field(default=None, description="For people.")
    mode: Mode | None = Field(
        default=None, description="`shadow` maps and counts, and sends nothing."
    )
    topics: TopicsForm = Field(description="The topics, as the settings name them.")
    filter: FilterData | None = Field(
        default=None, description="Which records; without it, every one."
    )
    sample: Sample | None = Field(default=None, description="A share of the users only.")
    uid: UidForm = Field(description="The user, as the web site names them to FullStory.")
    event: EventForm = Field(description="The event's name: text, or a table.")
    timestamp: TimestampForm = Field(default="$timestamp", description="When it happened.")
    session: SessionForm | None = Field(default=None, description="Which session it attaches to.")
    properties: dict[str, ValueForm] = Field(default={}, description="The event's properties.")
    user_initiated: StrictBool | None = Field(default=None, description="Passed on (API v1).")
    integration: str | None = Field(default=None, description="Passed on (API v1).")
    late: LateWord | None = Field(default=None, description="When older than the session window.")
    on_error: OnError | None = Field(
        default=None,
        description="When no event can be made of a record; `halt` lets the mapping's topics stand "
        "still until a person has acted.",
    )
    tests: "tuple[FileTest, ...]" = Field(
        default=(), description="Records, and what becomes of them."
    )


class InputRecord(Strict):
    """The record of a test."""

    topic: str = Field(description="As the mapping names it.")
    value: Any = Field(default=None, description="The decoded value; nothing for a tombstone.")
    key: str | None = Field(default=None, description="The record's key.")
    headers: dict[str, str] = Field(default={}, description="The record's headers.")
    timestamp: str | None = Field(default=None, description="Kafka's time of the record, RFC 3339.")
    partition: StrictInt = Field(default=0, ge=0, description="The record's partition.")
    offset: StrictInt = Field(default=0, ge=0, description="The record's offset.")


class Expectation(Strict):
    """One outcome that a test expects."""

    mapping: str = Field(description="Whose outcome.")
    uid: str | None = Field(default=None, description="The event's user.")
    event: str | None = Field(default=None, description="The event's name.")
    timestamp: str | None = Field(default=None, description="The event's time.")
    session: SessionForm | None = Field(default=None, description="The event's session.")
    properties: dict[str, Any] | None = Field(
        default=None, description="The named ones are compared."
    )
    exact: StrictBool = Field(default=False, description="Compare all properties.")
    dead_letter: str | None = Field(default=None, description="The reason of a reject.")
    skipped: str | None = Field(default=None, description="The reason of a skip.")
    halted: str | None = Field(default=None, description="The reason of a halt.")


class FileTest(Strict):
    """A test beside the mappings."""

    name: str = Field(description="A sentence.")
    input: InputRecord = Field(description="The record.")
    expect: tuple[Expectation, ...] = Field(description="Every outcome, in the file's order.")


class MappingFile(Strict):
    """A whole mapping file."""

    format: Literal[1] = Field(description="Of this grammar.")
    owner: str | None = Field(
        default=None, description="Whom to ask; shown when something is wrong."
    )
    defaults: Defaults = Field(default=Defaults(), description="For every mapping of this file.")
    mappings: tuple[MappingRule, ...] = Field(description="In the order of sending.")
    tests: tuple[FileTest, ...] = Field(
        default=(), description="Records, and what becomes of them."
    )


MappingRule.model_rebuild()


def long_uid(form: str | LongUid) -> LongUid:
    """The long form of a uid."""
    return form if isinstance(form, LongUid) else LongUid(path=form)


def long_timestamp(form: str | LongTimestamp) -> LongTimestamp:
    """The long form of a timestamp."""
    return form if isinstance(form, LongTimestamp) else LongTimestamp(path=form)


def long_value(form: str | LongValue) -> LongValue:
    """The long form of a property."""
    return form if isinstance(form, LongValue) else LongValue(path=form)
