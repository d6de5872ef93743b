"""What all models of the grammar share: their base, and the types of words and paths."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    WithJsonSchema,
)

Scalar = StrictBool | StrictInt | StrictFloat | str
Mode = Literal["live", "shadow", "off"]
OnError = Literal["dead_letter", "skip", "halt"]
LateWord = Literal["send", "send_without_session", "skip", "dead_letter"]
TimeFormat = Literal["iso8601", "unix", "unix_ms", "unix_us", "unix_ns"]
HashWord = Literal["sha256", "hmac-sha256"]
TypeWord = Literal["str", "int", "real", "bool", "date", "strs", "ints", "reals", "bools", "dates"]


def form_of(value: Any) -> str:
    """Whether the file uses the short form (text) or the long form (object)."""
    return "text" if isinstance(value, str) else "object"


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
