"""A whole mapping file: its mappings, and their defaults.

Invariants of the grammar: short forms are text, long forms are objects. Syntax only: rules about
several keys, the syntax of paths or a schema are checked in `checks.py` and the compiler, so that
each mistake has its own code.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, StrictFloat, StrictInt, Tag

from bridge.mapping.language.grammar.base import (
    FilterData,
    LateWord,
    Mode,
    OnError,
    PathText,
    Strict,
)
from bridge.mapping.language.grammar.tests import FileTest
from bridge.mapping.language.grammar.values import (
    EventForm,
    SessionForm,
    TimestampForm,
    UidForm,
    ValueForm,
)


def _topics_form(value: Any) -> str:
    """Topics by pattern are an object, topics by name a list."""
    return "object" if isinstance(value, Mapping | TopicPattern) else "list"


class TopicPattern(Strict):
    """Topics by their names' form; those that appear later are read too."""

    pattern: str = Field(
        min_length=1, description="An RE2 pattern for topic names, such as `^shop\\.orders\\.`."
    )


class Sample(Strict):
    """A share of the users, the same ones each time."""

    keep: StrictFloat | StrictInt = Field(
        description="The share of users to keep, above 0 and at most 1."
    )
    by: Literal["uid"] = Field(description="What the sample is drawn by. Only `uid` is possible.")


TopicsForm = Annotated[
    Annotated[tuple[str, ...], Tag("list")] | Annotated[TopicPattern, Tag("object")],
    Discriminator(_topics_form),
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
    tests: tuple[FileTest, ...] = Field(
        default=(), description="Tests: records and their expected outcomes."
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
