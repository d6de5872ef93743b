"""What is sent to FullStory, whichever API it is, and the limits that both APIs share.

Invariants: a request is built once and sent unchanged at every try. Keys stand in one fixed order,
properties in the order of the mapping file. `request_v1.py` and `request_v2.py` are the two
forms; which one is used is chosen once, at the start, in `builders.py`.
"""

from typing import Any, Final, NamedTuple

import orjson

from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import Property

VALUE_BYTES_MAX = 8192
"""Of one property's value in UTF-8: stated for properties of users, assumed for events."""

NAME_CHARS_MAX = 512
"""Of a property's name, in v1 with its suffix."""

_CHARS_SURELY_SMALL: Final = VALUE_BYTES_MAX // 4


class Request(NamedTuple):
    """What is sent. `path` is percent-encoded already; `idempotency_key` is v2's only."""

    method: str
    path: str
    body: bytes
    idempotency_key: str | None = None


def checked_name(name: str, of: str) -> str:
    """The name under which a property is sent; `of` is what the mapping calls it.

    Raises:
        PoisonRecord: it is longer than FullStory takes.
    """
    if len(name) > NAME_CHARS_MAX:
        message = f"the name has {len(name)} characters, {NAME_CHARS_MAX} are the most"
        raise PoisonRecord(message, stage="build", reason="name_too_long", path=of[:64])
    return name


def checked_value(found: Property) -> Any:
    """A property's value as it stands in the body.

    Raises:
        PoisonRecord: it is larger than FullStory takes, which would drop it without a word.
    """
    value = found.value
    if isinstance(value, str):
        small = len(value) <= _CHARS_SURELY_SMALL or len(value.encode()) <= VALUE_BYTES_MAX
    elif isinstance(value, list):
        small = len(orjson.dumps(value)) <= VALUE_BYTES_MAX
    else:
        return value
    if not small:
        message = f"a value of `{found.name}` has more than {VALUE_BYTES_MAX} bytes"
        raise PoisonRecord(message, stage="build", reason="value_too_large", path=found.name)
    return value
