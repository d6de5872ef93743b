"""Values as people write them (numbers, ISO times, hexadecimal) as one Avro scalar's raw value.

Invariants: exact or refused: nothing is rounded and nothing cut off. Messages name types, never
values.
"""

import re
from datetime import date
from typing import Any, Final
from uuid import UUID

from bridge.schema.conversions import MappingError, exact_of_double, exact_of_text, parse_time

_FIRST_DAY: Final = date(1970, 1, 1)
_EPOCH: Final = parse_time("1970-01-01T00:00:00Z")
_FRACTION = re.compile(r":\d\d[.,](\d+)")
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")


class LiteralMismatch(Exception):
    """A value that a schema cannot hold; `path` is where it stands, `fix` what to write."""

    def __init__(self, message: str, path: str = "", fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.fix = fix

    def __str__(self) -> str:
        where = f"`{self.path}`: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.fix})" if self.fix else "")


def found(value: object) -> str:
    """What kind of value this is, in the words of the mapping room."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "text"),
        (int, "a whole number"),
        (float, "a number"),
        ((list, tuple), "a list"),
        (bytes, "bytes"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def wrong(wanted: str, value: object) -> LiteralMismatch:
    """The refusal of a value of another kind than `wanted`."""
    return LiteralMismatch(f"{wanted} is wanted here, not {found(value)}")


def bytes_of(value: Any) -> bytes:
    """Bytes from hexadecimal (`0x00ff`), else from text, as UTF-8."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise wrong("text, or hexadecimal as 0x00ff,", value)
    if not value.startswith("0x"):
        return value.encode()
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise LiteralMismatch("this begins with 0x and is not hexadecimal") from None


def unscaled_of(value: Any, precision: int, scale: int) -> int:
    """The unscaled whole number of a decimal, from a number or its text."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong("a number", value)
    try:
        if isinstance(value, int):
            whole, digits = value, 0
        else:
            whole, digits = (
                exact_of_text(value) if isinstance(value, str) else exact_of_double(value)
            )
    except MappingError as error:
        raise LiteralMismatch(error.message) from None
    number, rest = divmod(whole * 10**scale, 10**digits) if digits > 0 else (0, 0)
    if digits <= 0:
        number = whole * 10 ** (scale - digits)
    if rest:
        raise LiteralMismatch(
            f"this has more than the {scale} digits after the point that the schema has"
        )
    if precision and len(str(abs(number))) > precision:
        raise LiteralMismatch(f"this has more than the {precision} digits that the schema has")
    return number


def ticks_of(value: Any, digits: int, *, local: bool) -> int:
    """A time since 1970 in ticks of `digits` digits of a second, from ISO text or ticks."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise wrong("a time (2026-11-24T10:15:00Z), or a whole number of ticks,", value)
    try:
        when = parse_time(value)
    except MappingError as error:
        raise LiteralMismatch(error.message, fix="write it as 2026-11-24T10:15:00Z") from None
    if local and when.tzinfo is not None:
        raise LiteralMismatch("a local time has no offset", fix="write it as 2026-11-24T10:15:00")
    if not local and when.tzinfo is None:
        raise LiteralMismatch(
            "this time has no offset from UTC", fix="write it as 2026-11-24T10:15:00Z"
        )
    match = _FRACTION.search(value)
    fraction = match[1].rstrip("0") if match else ""
    if len(fraction) > digits:
        raise LiteralMismatch(
            f"this time is finer than the {digits} digits of a second the schema has"
        )
    since = when.replace(microsecond=0, tzinfo=when.tzinfo or _EPOCH.tzinfo) - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    ticks: int = seconds * 10**digits + int(fraction.ljust(digits, "0") or 0)
    return ticks


def days_of(value: Any) -> int:
    """Days since 1970, from ISO text or the number of days."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise wrong("a day (2026-11-24), or a whole number of days,", value)
    try:
        return (date.fromisoformat(value) - _FIRST_DAY).days
    except ValueError:
        raise LiteralMismatch("this is not a day", fix="write it as 2026-11-24") from None


def time_ticks_of(value: Any, digits: int) -> int:
    """Ticks since midnight, from `10:15:00.5` or their number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise LiteralMismatch("a time of day is wanted here", fix="write it as 10:15:00")
    hours, minutes, seconds, fraction = match.groups()
    if len((fraction or "").rstrip("0")) > digits:
        raise LiteralMismatch(
            f"this time is finer than the {digits} digits of a second the schema has"
        )
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    ticks: int = whole * 10**digits + int((fraction or "0").ljust(digits, "0")[:digits])
    return ticks


def uuid_of(value: Any) -> bytes:
    """The 16 bytes of a UUID, from its usual spelling."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise wrong("a UUID", value)
    try:
        return UUID(value).bytes
    except ValueError:
        raise LiteralMismatch("this is not a UUID") from None
