"""Logical types, wherever a schema's author has put them.

Invariants: a logical type counts only on a type that can carry it, as Avro's specification says;
else it is ignored and the plain type stays. Where it stands is taken generously: inside the type,
beside it in the field (4 of 9 public payment schemas do that), or as Kafka Connect's and Debezium's
`connect.name`.
"""

import re
from collections.abc import Mapping
from typing import Any

from bridge.schema.types import Logical

_CARRIERS: Mapping[str, frozenset[str]] = {
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
_DEBEZIUM = "io.debezium.time."
_TIME_CARRIERS = frozenset({"int", "long", "string"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def logical_of(base: str, attributes: Mapping[str, Any], size: int = 0) -> Logical | None:
    """The logical type that `attributes` give to a type named `base` (`size`: a fixed's bytes).

    Debezium's types without a name of Avro's keep a name of their own:
    `io.debezium.time.ZonedTimestamp` is `debezium-zoned-timestamp`.
    """
    name = attributes.get("logicalType")
    if isinstance(name, str) and base in _CARRIERS.get(name, ()):
        return _checked(name, base, attributes, size)
    return _from_connect(base, attributes.get("connect.name"))


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
        return Logical(known) if base in _CARRIERS[known] else None
    if not name.startswith(_DEBEZIUM) or base not in _TIME_CARRIERS:
        return None
    return Logical("debezium-" + _HUMP.sub("-", name.removeprefix(_DEBEZIUM)).lower())
