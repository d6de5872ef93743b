"""Converts raw Avro values to the values that are sent: exact numbers, RFC 3339 times, text.

Invariants: pure, and exact until the last step. An exact number is `(unscaled, digits)`, which
means `unscaled / 10**digits`. Both are integers of any size: no rounding, no global context.
Python's integer division gives the nearest double. Messages contain no values.
"""

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

Exact = tuple[int, int]
Convert = Callable[[Any], Any]

DECIMAL_BYTES_MAX = 256
"""Maximum size of a raw decimal: 616 digits, twice the range of a double.

Converting longer decimals takes quadratic time.
"""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_EPOCH: Final = datetime(1970, 1, 1)
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_NUMBER_PATTERN = re.compile(r"[-+]?(\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([-+]?\d{1,3}))?")
_TIME_PATTERN = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)([Zz]|[-+]\d\d(?::?\d\d)?)?"
)
_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d")
_FLOAT = struct.Struct("<f")
_FLOAT_NORMAL_MIN = 2.0**-126


class MappingError(Exception):
    """This record cannot be mapped to an event; a caller that knows the `path` sets it."""

    def __init__(self, reason: str, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.path = path


def unscaled(raw: bytes) -> int:
    """The integer in a decimal's bytes (two's complement, big-endian)."""
    if len(raw) > DECIMAL_BYTES_MAX:
        raise MappingError("number_out_of_range", f"the decimal has {len(raw)} bytes")
    return int.from_bytes(raw, "big", signed=True)


def exact_of_double(value: float) -> Exact:
    """A double as an exact number, from its shortest decimal text: 19.99 is 1999 / 100."""
    return exact_of_text(repr(finite(value)))


def exact_of_text(text: str) -> Exact:
    """Decimal text as an exact number."""
    match = _NUMBER_PATTERN.fullmatch(text.strip())
    if match is None:
        raise MappingError("not_a_number", "the text is not a decimal number")
    sign, digits, exponent = Decimal(match[0]).as_tuple()
    whole = int("".join(map(str, digits)))
    return (-whole if sign else whole), -int(exponent)


def sum_of_exact(one: Exact, other: Exact) -> Exact:
    """The exact sum of two numbers, with the digits of the longer one."""
    (a, a_digits), (b, b_digits) = one, other
    digits = max(a_digits, b_digits)
    return a * 10 ** (digits - a_digits) + b * 10 ** (digits - b_digits), digits


def real_of(exact: Exact) -> float:
    """The nearest double."""
    whole, digits = exact
    try:
        return whole / 10**digits if digits > 0 else float(whole * 10**-digits)
    except OverflowError:
        raise MappingError("number_out_of_range", "the number is beyond a double") from None


def int_of(exact: Exact) -> int:
    """The integer, if the number is whole and fits into FullStory's 64 bits."""
    whole, digits = exact
    value, rest = divmod(whole, 10**digits) if digits > 0 else (whole * 10**-digits, 0)
    if rest:
        raise MappingError("not_a_whole_number", "the number has a fraction")
    return int64(value)


def int64(value: int) -> int:
    """Return the value unchanged; raise MappingError if it does not fit into 64 bits."""
    if not INT64_MIN <= value <= INT64_MAX:
        raise MappingError("number_out_of_range", "the number is beyond 64 bits")
    return value


def text_of_exact(exact: Exact) -> str:
    """The number as text with all its digits: (1990, 2) is `19.90`."""
    whole, digits = exact
    if digits <= 0:
        return str(whole * 10**-digits)
    shown = str(abs(whole)).rjust(digits + 1, "0")
    return f"{'-' if whole < 0 else ''}{shown[:-digits]}.{shown[-digits:]}"


def finite(value: float) -> float:
    """Return the value unchanged; raise MappingError if it is NaN or infinite."""
    if not math.isfinite(value):
        raise MappingError("not_finite", "the number is NaN or infinite")
    return value


def shortest_of_float(value: float) -> float:
    """The number with the fewest decimal digits that reads back as the same 32-bit float.

    A float of 0.1 is 0.10000000149011612 as a double. Up to six digits survive in a float, so fewer
    need not be tried, except below the normal range. Nine are always enough.

    Raises:
        MappingError: it is NaN or infinite.
    """
    first = 1 if abs(finite(value)) < _FLOAT_NORMAL_MIN else 6
    for digits in range(first, 9):
        shorter = float(f"{value:.{digits}g}")
        if _FLOAT.unpack(_FLOAT.pack(shorter))[0] == value:
            return shorter
    return float(f"{value:.9g}")


def bool_of_text(text: str) -> bool:
    """Parse `true` or `false`, ignoring case."""
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise MappingError("not_a_boolean", "the text is neither true nor false")
    return word == "true"


def text_of_bool(value: bool) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def text_of_bytes(raw: bytes) -> str:
    """Decode bytes as UTF-8 text."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MappingError("not_utf8", "the bytes are not UTF-8 text") from None


def text_of_uuid(raw: bytes) -> str:
    """Format the 16 bytes of a UUID as text."""
    return str(UUID(bytes=raw))


def time_of_ticks(digits: int) -> Convert:
    """Make a converter from UTC ticks since 1970 (`digits` digits of a second) to RFC 3339."""
    divisor = 10 ** (digits - 3) if digits > 3 else 1
    factor = 10 ** (3 - digits) if digits < 3 else 1

    def convert(ticks: int) -> str:
        seconds, ms = divmod(ticks * factor // divisor, 1000)
        return f"{_time_of_seconds(seconds)}.{ms:03}Z"

    return convert


def text_of_ticks(digits: int) -> Convert:
    """Make a converter like `time_of_ticks` that keeps all digits, for a time as text."""
    power = 10**digits

    def convert(ticks: int) -> str:
        seconds, fraction = divmod(ticks, power)
        return f"{_time_of_seconds(seconds)}.{fraction:0{digits}}Z"

    return convert


@lru_cache(maxsize=1_000)
def _time_of_seconds(seconds: int) -> str:
    """The second in RFC 3339, without a zone; cached because many records share a second."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        raise _out_of_range() from None


def local_time_of_ticks(digits: int, zone: tzinfo) -> Convert:
    """Make a converter from local ticks since 1970 in a time zone to RFC 3339."""
    divisor = 10 ** (digits - 3)

    def convert(ticks: int) -> str:
        try:
            local = _EPOCH + timedelta(milliseconds=ticks // divisor)
            return _rfc3339(local.replace(tzinfo=zone))
        except (OverflowError, ValueError):
            raise _out_of_range() from None

    return convert


def time_of_days(days: int) -> str:
    """Convert days since 1970 to midnight UTC of that day."""
    try:
        return f"{date.fromordinal(days + _FIRST_DAY).isoformat()}T00:00:00.000Z"
    except (OverflowError, ValueError):
        raise _out_of_range() from None


def time_of_exact(digits: int) -> Convert:
    """Make a converter from an exact number of ticks, possibly with a fraction, to RFC 3339."""
    from_ms = time_of_ticks(3)

    def convert(exact: Exact) -> str:
        whole, fraction = exact
        power = 3 - digits - fraction
        if power > 60:
            raise _out_of_range()
        return str(from_ms(whole * 10**power if power >= 0 else whole // 10**-power))

    return convert


def time_of_text(zone: tzinfo | None) -> Convert:
    """Make a converter from ISO 8601 text to RFC 3339; text without an offset needs `zone`."""

    def convert(text: str) -> str:
        when = parse_time(text)
        if when.tzinfo is None:
            if zone is None:
                raise MappingError("time_without_offset", "the time has no offset from UTC")
            when = when.replace(tzinfo=zone)
        try:
            return _rfc3339(when)
        except (OverflowError, ValueError):
            raise _out_of_range() from None

    return convert


def parse_time(text: str) -> datetime:
    """Parse ISO 8601 text in the RFC 3339 profile; a date alone is its midnight, without offset."""
    text = text.strip()
    try:
        if _DATE_PATTERN.fullmatch(text):
            return datetime.fromisoformat(text)
        match = _TIME_PATTERN.fullmatch(text)
        if match is not None:
            day, clock, offset = match.groups()
            return datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
    except ValueError:
        pass
    raise MappingError("not_a_time", "the text is not an ISO 8601 time")


def time_of_day(digits: int) -> Convert:
    """Make a converter from ticks since midnight to `10:15:30.000`, with all digits."""
    power = 10**digits

    def convert(ticks: int) -> str:
        seconds, fraction = divmod(ticks, power)
        if not 0 <= seconds < 86_400:
            raise MappingError("not_a_time", "the time of day is not within a day")
        clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
        return f"{clock.isoformat()}.{fraction:0{digits}}"

    return convert


def _rfc3339(when: datetime) -> str:
    naive = when.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="milliseconds") + "Z"


def _out_of_range() -> MappingError:
    return MappingError("time_out_of_range", "the time is not within the years 1 to 9999")
