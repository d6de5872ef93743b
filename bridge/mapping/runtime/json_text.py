"""Parses the JSON in a text field, once for each record.

Invariants: messages contain paths, never values. Size and depth are bounded: the size here, the
depth by orjson, which accepts 1024 levels. Nothing here or above recurses into the parsed value.
"""

from typing import Any, Final

from orjson import JSONDecodeError, loads

from bridge.schema.conversions import MappingError

JSON_BYTES_MAX: Final = 1024 * 1024
"""The longest text that is parsed: Kafka's default limit of a record."""

_INVALID: Final = object()


class JsonText:
    """Parses the text of one field; the last text is kept, so that all paths below it share it.

    The poll thread and the event loop may call it at once: each reads and replaces one tuple.
    """

    __slots__ = ("_last", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._last: tuple[object, Any] = (None, None)

    def __call__(self, text: object) -> Any:
        """The parsed value.

        Raises:
            MappingError: the value is not text, not JSON, or too long.
        """
        last, parsed = self._last
        if last is not text:
            parsed = self._parse(text)
            self._last = (text, parsed)
        if parsed is _INVALID:
            raise MappingError("not_json", f"`{self.path}` is not JSON", self.path)
        return parsed

    def _parse(self, text: object) -> Any:
        if not isinstance(text, str | bytes):
            return _INVALID
        if len(text) > JSON_BYTES_MAX:
            message = f"the JSON in `{self.path}` has more than {JSON_BYTES_MAX} bytes"
            raise MappingError("json_too_large", message, self.path)
        try:
            return loads(text)
        except JSONDecodeError:
            return _INVALID
