"""Finds the logical type of a type, in every place where schemas declare it.

Invariants: a logical type counts only on a base type that Avro's specification allows. Any other
is ignored, the plain type stays, and messages about it say why. Three places are accepted: inside
the type, in the field next to `type` (4 of 9 public payment schemas do that), and Kafka Connect's
and Debezium's `connect.name`.
"""

import re
from collections.abc import Mapping
from typing import Any

from bridge.schema.types import Logical

_BASES: Mapping[str, frozenset[str]] = {
    "date": frozenset({"int"}),
    "time-millis": frozenset({"int"}),
    "time-micros": frozenset({"long"}),
    "timestamp-millis": frozenset({"long"}),
    "timestamp-micros": frozenset({"long"}),
    "timestamp-nanos": frozenset({"long"}),
    "local-timestamp-millis": frozenset({"long"}),
    "local-timestamp-micros": frozenset({"long"}),
    "local-timestamp-nanos": frozenset({"long"}),
    "uuid": frozenset({"string", "fixed"}),
    "duration": frozenset({"fixed"}),
    "decimal": frozenset({"bytes", "fixed"}),
    "big-decimal": frozenset({"bytes"}),
}
_FIXED_SIZES = {"uuid": 16, "duration": 12}

_CONNECT_NAMES = {
    "org.apache.kafka.connect.data.Date": "date",
    "org.apache.kafka.connect.data.Time": "time-millis",
    "org.apache.kafka.connect.data.Timestamp": "timestamp-millis",
    "io.debezium.time.Date": "date",
    "io.debezium.time.Time": "time-millis",
    "io.debezium.time.MicroTime": "time-micros",
    "io.debezium.time.Timestamp": "timestamp-millis",
    "io.debezium.time.MicroTimestamp": "timestamp-micros",
    "io.debezium.time.NanoTimestamp": "timestamp-nanos",
}
_DEBEZIUM_PREFIX = "io.debezium.time."
_DEBEZIUM_BASES = frozenset({"int", "long", "string"})
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def logical_of(base: str, attributes: Mapping[str, Any], size: int = 0) -> Logical | None:
    """The logical type that `attributes` give to the type `base` (`size`: bytes of a fixed).

    A Debezium type that Avro has no name for gets a name of its own:
    `io.debezium.time.ZonedTimestamp` is `debezium-zoned-timestamp`.
    """
    name = attributes.get("logicalType")
    if isinstance(name, str) and base in _BASES.get(name, ()):
        return _checked(name, base, attributes, size)
    return _from_connect(base, attributes.get("connect.name"))


def why_ignored(base: str, attributes: Mapping[str, Any], size: int = 0) -> str:
    """Why the logical type in `attributes` is ignored; empty if none of Avro's is declared.

    It is asked only if `logical_of` has found none.
    """
    name = attributes.get("logicalType")
    if not isinstance(name, str) or name not in _BASES:
        return ""
    if base not in _BASES[name]:
        needed = " or ".join(sorted(_BASES[name]))
        why = f"it needs {needed}"
    elif name == "decimal":
        why = _why_no_decimal(attributes)
    else:
        why = f"it needs {_FIXED_SIZES.get(name, size)} bytes"
    return f"its logical type {name} is ignored: {why}"


def _why_no_decimal(attributes: Mapping[str, Any]) -> str:
    """Which of the two numbers is impossible; Connect writes a scale of 127 for "unknown"."""
    for key in ("precision", "scale"):
        number = attributes.get(key, 0)
        if type(number) is not int:
            return f"its {key} is not a whole number"
        if number < 0:
            return f"its {key} {number} is negative"
    precision, scale = attributes.get("precision", 0), attributes.get("scale", 0)
    return f"its scale {scale} is above its precision {precision}" if precision else "no precision"


def _checked(name: str, base: str, attributes: Mapping[str, Any], size: int) -> Logical | None:
    if name == "decimal":
        return _decimal(attributes)
    if base == "fixed" and size != _FIXED_SIZES[name]:
        return None
    return Logical(name)


def _decimal(attributes: Mapping[str, Any]) -> Logical | None:
    precision, scale = attributes.get("precision"), attributes.get("scale", 0)
    if type(precision) is not int or type(scale) is not int:
        return None
    return Logical("decimal", precision, scale) if 0 <= scale <= precision > 0 else None


def _from_connect(base: str, name: object) -> Logical | None:
    if not isinstance(name, str):
        return None
    known = _CONNECT_NAMES.get(name)
    if known is not None:
        return Logical(known) if base in _BASES[known] else None
    if not name.startswith(_DEBEZIUM_PREFIX) or base not in _DEBEZIUM_BASES:
        return None
    return Logical("debezium-" + _CAMEL_CASE.sub("-", name.removeprefix(_DEBEZIUM_PREFIX)).lower())
