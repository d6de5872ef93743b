"""The mapping file's grammar as models: short forms are text, long forms are objects.

Invariants: syntax only. Rules about several keys, the syntax of paths or a schema are checked in
`checks.py` and the compiler, so that each mistake has its own code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

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
HashWord = Literal["sha256", "hmac-sha256"]
TypeWord = Literal["str", "int", "real", "bool", "date", "strs", "ints", "reals", "bools", "dates"]


def _form(value: Any) -> str:
    """Whether the file uses the short form (text) or the long form (object)."""
    return "text" if isinstance(value, str) else "object"


def _topics_form(value: Any) -> str:
    """Topics by pattern are an object, topics by name a list."""
    return "object" if isinstance(value, Mapping | TopicPattern) else "list"


PathText = Annotated[str, Field(min_length=1, description="A path, such as `customer.id`.")]
FilterData = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "Conditions: each key is a path, each value says what it must be.",
        }
    ),
]


class Strict(BaseModel):
    """The base of all models: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class TopicPattern(Strict):
    """Topics by their names' form; those that appear later are read too."""

    pattern: str = Field(
        min_length=1, description="An RE2 pattern for topic names, such as `^shop\\.orders\\.`."
    )


class Source(Strict):
    """Where a value stands: exactly one of these keys."""

    path: PathText | None = Field(default=None, description="A path in the record.")
    template: str | None = Field(
        default=None, description="Text with paths in braces, such as `{first} {last}`."
    )
    first_of: tuple[PathText, ...] | None = Field(
        default=None,
        min_length=1,
        description="Paths in order of preference. The first that is not missing counts.",
    )

    @property
    def text(self) -> str:
        """The source as written in the file, for messages."""
        return self.path or self.template or " or ".join(self.first_of or ())


class LongUid(Source):
    """The user's id, the long form."""

    case: Literal["upper", "lower"] | None = Field(
        default=None, description="Changes the user id to uppercase or lowercase."
    )
    hash: HashWord | None = Field(
        default=None, description="Sends a digest in place of the user id, in hexadecimal."
    )
    optional: StrictBool = Field(
        default=False,
        description="If the user id is missing, the record is skipped with the reason `no_uid`.",
    )


class EventTable(Strict):
    """The event's name by a closed table."""

    path: PathText = Field(description="The path whose value is looked up in `values`.")
    values: dict[str, str] = Field(min_length=1, description="Event names by value.")


class LongTimestamp(Source):
    """When the event happened, the long form."""

    format: TimeFormat | None = Field(
        default=None, description="The format, if the field is text or a plain number."
    )
    zone: str | None = Field(
        default=None,
        description="The time zone, such as `Europe/Berlin`, if the time has no UTC offset.",
    )
    optional: StrictBool = Field(
        default=False,
        description="If the time is missing, the Kafka timestamp of the record is used.",
    )


SourceForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[Source, Tag("object")], Discriminator(_form)
]


class SessionSource(Strict):
    """A session that the record names."""

    url: SourceForm | None = Field(default=None, description="The session URL (API v1).")
    device: SourceForm | None = Field(default=None, description="The device session (API v1).")
    id: SourceForm | None = Field(default=None, description="The session id (API v2).")
    optional: StrictBool = Field(
        default=False, description="If the value is missing, the event is sent without a session."
    )

    @property
    def identifies_user(self) -> bool:
        """Whether the event needs no user besides this session."""
        return self.id is not None

    @property
    def sources(self) -> dict[str, Source]:
        """The sources by their key; a valid session has one."""
        forms = {"url": self.url, "device": self.device, "id": self.id}
        return {name: long_source(form) for name, form in forms.items() if form is not None}


class Sample(Strict):
    """A share of the users, the same ones each time."""

    keep: StrictFloat | StrictInt = Field(
        description="The share of users to keep, above 0 and at most 1."
    )
    by: Literal["uid"] = Field(description="What the sample is drawn by. Only `uid` is possible.")


@dataclass(frozen=True)
class Converter:
    """Marks a key of a property as a converter, which excludes some of the others."""

    excludes: tuple[str, ...] = ()


class LongValue(Source):
    """A property, the long form: one source, then converters in their fixed order."""

    const: Scalar | None = Field(
        default=None, description="A fixed value, the same for every record."
    )
    default: Scalar | tuple[Scalar, ...] | None = Field(
        default=None,
        description="The value that is sent if the source is missing. No converter applies to it.",
    )
    optional: StrictBool = Field(
        default=False, description="If the source is missing, the property is left out."
    )
    count: Annotated[
        StrictBool,
        Converter(
            excludes=("sum", "min", "max", "max_items", "case", "values", "scale", "type"),
        ),
    ] = Field(default=False, description="Sends the number of items of an array or map.")
    sum: Annotated[StrictBool, Converter(excludes=("min", "max", "max_items"))] = Field(
        default=False, description="Adds the numbers of a list. The sum of an empty list is 0."
    )
    min: Annotated[StrictBool, Converter(excludes=("max", "max_items"))] = Field(
        default=False,
        description="The smallest number or earliest time of a list. An empty list has none.",
    )
    max: Annotated[StrictBool, Converter(excludes=("max_items",))] = Field(
        default=False,
        description="The greatest number or latest time of a list. An empty list has none.",
    )
    max_items: Annotated[StrictInt | None, Converter()] = Field(
        default=None, ge=1, description="Keeps at most this many items of an array."
    )
    case: Annotated[Literal["upper", "lower"] | None, Converter()] = Field(
        default=None, description="Changes text to uppercase or lowercase."
    )
    values: Annotated[dict[str, Scalar] | None, Converter()] = Field(
        default=None, min_length=1, description="Replaces a value by the value listed for it."
    )
    else_: Annotated[Scalar | None, Converter()] = Field(
        default=None,
        alias="else",
        description="The replacement for a value that `values` does not list.",
    )
    scale: Annotated[StrictInt | StrictFloat | None, Converter()] = Field(
        default=None,
        description="Multiplies a number by this factor, with exact decimal arithmetic.",
    )
    type: Annotated[TypeWord | None, Converter()] = Field(
        default=None, description="Converts the value to this FullStory type."
    )
    format: Annotated[TimeFormat | None, Converter()] = Field(
        default=None, description="Reads text or a number as a time in this format."
    )
    zone: Annotated[str | None, Converter()] = Field(
        default=None, description="The time zone of a time that has no UTC offset."
    )
    redact: Annotated[Literal["mask", "last4"] | None, Converter(excludes=("hash",))] = Field(
        default=None,
        description="Hides the value: `mask` sends `***`, `last4` the last four characters.",
    )
    hash: Annotated[HashWord | None, Converter()] = Field(
        default=None, description="Sends a digest in place of the value, in hexadecimal."
    )


CONVERTERS: Final[Mapping[str, Converter]] = {
    name: mark
    for name, field in LongValue.model_fields.items()
    for mark in field.metadata
    if isinstance(mark, Converter)
}
"""The converters in the order in which they apply; `mapping/compiler/sources.py` applies them."""

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
    Annotated[Literal["recent", "none"], Tag("text")] | Annotated[SessionSource, Tag("object")],
    Discriminator(_form),
]
ValueForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongValue, Tag("object")], Discriminator(_form)
]


class Defaults(Strict):
    """What holds for every mapping of the file that does not say otherwise."""

    session: SessionForm | None = Field(
        default=None, description="The default of `session` for all mappings of the file."
    )
    on_error: OnError | None = Field(
        default=None, description="The default of `on_error` for all mappings of the file."
    )
    mode: Mode | None = Field(
        default=None, description="The default of `mode` for all mappings of the file."
    )
    late: LateWord | None = Field(
        default=None, description="The default of `late` for all mappings of the file."
    )
    never_send: tuple[str, ...] = Field(
        default=(),
        description="Globs of paths and property names that must not be sent in clear, in addition "
        "to the built-in ones.",
    )


class MappingRule(Strict):
    """One mapping: which records, and the event that each of them becomes."""

    name: str = Field(
        description="The name, unique across all files: lowercase letters, digits and dashes."
    )
    description: str | None = Field(default=None, description="A note for readers. It is not sent.")
    mode: Mode | None = Field(
        default=None,
        description="`live` (the default) sends events, `shadow` only counts them, `off` "
        "disables the mapping.",
    )
    topics: TopicsForm = Field(description="The topics to read: a list of names, or a pattern.")
    filter: FilterData | None = Field(
        default=None, description="The records that match. Without a filter, every record matches."
    )
    sample: Sample | None = Field(
        default=None, description="Sends the events of a share of the users only."
    )
    parse: dict[PathText, Literal["json"]] = Field(
        default={},
        description="Text fields that contain JSON, by path: `{payload: json}`. Other paths may "
        "then lead into the JSON.",
    )
    uid: UidForm | None = Field(
        default=None,
        description="The user id, the same one that your site passes to `FS.identify`. Required, "
        "except with a session `id` (API v2).",
    )
    event: EventForm = Field(description="The event name: text, a template of enums, or a table.")
    timestamp: TimestampForm = Field(default="$timestamp", description="The time of the event.")
    session: SessionForm | None = Field(
        default=None, description="The session that the event attaches to. The default is `recent`."
    )
    properties: dict[str, ValueForm] = Field(
        default={},
        description="The properties of the event, by name. A dotted name makes objects.",
    )
    user_initiated: StrictBool | None = Field(
        default=None, description="Sent unchanged as `user_initiated` (API v1)."
    )
    integration: str | None = Field(
        default=None,
        description="Sent unchanged as `integration` (API v1), or as the header "
        "`Integration-Source` (API v2).",
    )
    late: LateWord | None = Field(
        default=None,
        description="What happens to an event that is older than the session window. The default "
        "is `send`.",
    )
    on_error: OnError | None = Field(
        default=None,
        description="What happens if a record matches but no event can be made of it. The default "
        "is `dead_letter`. `halt` stops the topics of the mapping until a restart.",
    )
    tests: "tuple[FileTest, ...]" = Field(
        default=(), description="Tests: records and their expected outcomes."
    )


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
    Discriminator(_form),
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


class MappingFile(Strict):
    """A whole mapping file."""

    format: Literal[1] = Field(description="The version of the mapping language.")
    owner: str | None = Field(
        default=None,
        description="The team to contact. Dead letters and halts name it.",
    )
    defaults: Defaults = Field(
        default=Defaults(), description="Defaults for all mappings of the file."
    )
    mappings: tuple[MappingRule, ...] = Field(
        description="The mappings. If several match a record, their events are sent in this order."
    )
    tests: tuple[FileTest, ...] = Field(
        default=(), description="Tests: records and their expected outcomes."
    )


MappingRule.model_rebuild()


def long_source(form: str | Source) -> Source:
    """The long form of a source."""
    return form if isinstance(form, Source) else Source(path=form)


def long_uid(form: str | LongUid | None) -> LongUid:
    """The long form of a uid; without a uid, one that is always missing."""
    if form is None:
        return LongUid(optional=True)
    return form if isinstance(form, LongUid) else LongUid(path=form)


def long_timestamp(form: str | LongTimestamp) -> LongTimestamp:
    """The long form of a timestamp."""
    return form if isinstance(form, LongTimestamp) else LongTimestamp(path=form)


def long_value(form: str | LongValue) -> LongValue:
    """The long form of a property."""
    return form if isinstance(form, LongValue) else LongValue(path=form)
