"""A request to FullStory, and the limits that both APIs share.

Invariants: a request is built once and every try sends it unchanged. Keys have a fixed order,
properties that of the mapping file. `v1.py` and `v2.py` build the two forms; `builder.py` chooses
one of them at start.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import Property

VALUE_BYTES_MAX = 8192
"""The limit of a property's value in UTF-8: documented for user properties, assumed for events."""

NAME_CHARS_MAX = 512
"""The limit of a property's name: the dotted whole, in v1 with its suffix."""

_SAFE_CHARS_MAX: Final = VALUE_BYTES_MAX // 4


class Request(NamedTuple):
    """An HTTP request; `path` is percent-encoded.

    Only v2 has an `idempotency_key` and an `integration_source`, both sent as headers.
    """

    method: str
    path: str
    body: bytes
    idempotency_key: str | None = None
    integration_source: str | None = None


def checked_name(name: str, mapping_name: str) -> str:
    """The name under which a property is sent; `mapping_name` is its name in the mapping.

    Raises:
        PoisonRecord: the name is longer than FullStory accepts.
    """
    if len(name) > NAME_CHARS_MAX:
        message = f"the property name has {len(name)} characters, the limit is {NAME_CHARS_MAX}"
        raise PoisonRecord(message, stage="build", reason="name_too_long", path=mapping_name[:64])
    return name


def checked_value(property_: Property) -> Any:
    """A property's value as it is sent.

    Raises:
        PoisonRecord: the value is larger than FullStory accepts; FullStory would drop it silently.
    """
    value = property_.value
    if isinstance(value, str):
        is_small = len(value) <= _SAFE_CHARS_MAX or len(value.encode()) <= VALUE_BYTES_MAX
    elif isinstance(value, list):
        is_small = len(orjson.dumps(value)) <= VALUE_BYTES_MAX
    else:
        return value
    if not is_small:
        message = f"a value of `{property_.name}` has more than {VALUE_BYTES_MAX} bytes"
        raise PoisonRecord(message, stage="build", reason="value_too_large", path=property_.name)
    return value


def with_objects(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with objects in place of dotted names, where the first of its values stood."""
    whole: dict[str, Any] = {}
    for name, value in values.items():
        *objects, last = name.split(".")
        inner = whole
        for one in objects:
            inner = inner.setdefault(one, {})
        inner[last] = value
    return whole
