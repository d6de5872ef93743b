"""Where the values of an event stand, and how they are converted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field, StrictBool, StrictFloat, StrictInt, Tag

from bridge.mapping.language.grammar.base import (
    HashWord,
    PathText,
    Scalar,
    Strict,
    TimeFormat,
    TypeWord,
    form_of,
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
    Annotated[PathText, Tag("text")] | Annotated[Source, Tag("object")], Discriminator(form_of)
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

UidForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongUid, Tag("object")], Discriminator(form_of)
]
EventForm = Annotated[
    Annotated[str, Tag("text")] | Annotated[EventTable, Tag("object")], Discriminator(form_of)
]
TimestampForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongTimestamp, Tag("object")],
    Discriminator(form_of),
]
SessionForm = Annotated[
    Annotated[Literal["recent", "none"], Tag("text")] | Annotated[SessionSource, Tag("object")],
    Discriminator(form_of),
]
ValueForm = Annotated[
    Annotated[PathText, Tag("text")] | Annotated[LongValue, Tag("object")], Discriminator(form_of)
]


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
