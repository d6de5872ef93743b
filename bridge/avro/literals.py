"""Converts values from JSON or YAML (numbers, ISO times, hexadecimal) to raw Avro scalars.

Invariants: conversions are exact; a value that would be rounded or cut off is refused. Messages
name types, never values.
"""

import re
from datetime import date
from typing import Any, Final
from uuid import UUID

from bridge.schema.conversions import MappingError, exact_of_double, exact_of_text, parse_time

_EPOCH_DATE: Final = date(1970, 1, 1)
_EPOCH: Final = parse_time("1970-01-01T00:00:00Z")
_FRACTION_PATTERN = re.compile(r":\d\d[.,](\d+)")
_TIME_OF_DAY_PATTERN = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")


class LiteralMismatch(Exception):
    """A value that does not fit the schema; `path` is its place, `fix` says what to write."""

    def __init__(self, message: str, path: str = "", fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.fix = fix

    def __str__(self) -> str:
        prefix = f"`{self.path}`: " if self.path else ""
        return f"{prefix}{self.message}" + (f" ({self.fix})" if self.fix else "")


def type_name(value: object) -> str:
    """The name of a value's type, in the same words as in mapping diagnostics."""
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


def type_mismatch(expected: str, value: object, path: str = "") -> LiteralMismatch:
    """The error for a value of another type than `expected`."""
    return LiteralMismatch(f"expected {expected}, got {type_name(value)}", path)


def parse_bytes(value: Any) -> bytes:
    """Bytes from hexadecimal text (`0x00ff`), or the UTF-8 bytes of any other text."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise type_mismatch("text or hexadecimal (0x00ff)", value)
    if not value.startswith("0x"):
        return value.encode()
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise LiteralMismatch("the text begins with 0x but is not hexadecimal") from None


def parse_unscaled(value: Any, precision: int, scale: int) -> int:
    """The unscaled integer of a decimal, from a number or its text."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise type_mismatch("a number", value)
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
            f"the number has more digits after the decimal point than the schema allows ({scale})"
        )
    if precision and len(str(abs(number))) > precision:
        raise LiteralMismatch(f"the number has more digits than the schema allows ({precision})")
    return number


def parse_ticks(value: Any, digits: int, *, local: bool) -> int:
    """Ticks since 1970 (`digits` digits of a second), from ISO text or a number of ticks."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise type_mismatch("a time (2026-11-24T10:15:00Z) or a whole number of ticks", value)
    try:
        time_ = parse_time(value)
    except MappingError as error:
        raise LiteralMismatch(error.message, fix="write it as 2026-11-24T10:15:00Z") from None
    if local and time_.tzinfo is not None:
        raise LiteralMismatch(
            "a local time must not have a UTC offset", fix="write it as 2026-11-24T10:15:00"
        )
    if not local and time_.tzinfo is None:
        raise LiteralMismatch("the time has no UTC offset", fix="write it as 2026-11-24T10:15:00Z")
    match = _FRACTION_PATTERN.search(value)
    fraction = match[1].rstrip("0") if match else ""
    if len(fraction) > digits:
        raise LiteralMismatch(
            f"the time has more decimal digits of a second than the schema allows ({digits})"
        )
    elapsed = time_.replace(microsecond=0, tzinfo=time_.tzinfo or _EPOCH.tzinfo) - _EPOCH
    seconds = elapsed.days * 86_400 + elapsed.seconds
    ticks: int = seconds * 10**digits + int(fraction.ljust(digits, "0") or 0)
    return ticks


def parse_days(value: Any) -> int:
    """Days since 1970, from ISO text or the number of days."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise type_mismatch("a date (2026-11-24) or a whole number of days", value)
    try:
        return (date.fromisoformat(value) - _EPOCH_DATE).days
    except ValueError:
        raise LiteralMismatch("the text is not a date", fix="write it as 2026-11-24") from None


def parse_time_ticks(value: Any, digits: int) -> int:
    """Ticks since midnight, from `10:15:00.5` or a number of ticks."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _TIME_OF_DAY_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise LiteralMismatch("expected a time of day", fix="write it as 10:15:00")
    hours, minutes, seconds, fraction = match.groups()
    if len((fraction or "").rstrip("0")) > digits:
        raise LiteralMismatch(
            f"the time has more decimal digits of a second than the schema allows ({digits})"
        )
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    ticks: int = whole * 10**digits + int((fraction or "0").ljust(digits, "0")[:digits])
    return ticks


def parse_uuid(value: Any) -> bytes:
    """The 16 bytes of a UUID, from its text."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise type_mismatch("a UUID", value)
    try:
        return UUID(value).bytes
    except ValueError:
        raise LiteralMismatch("the text is not a UUID") from None
