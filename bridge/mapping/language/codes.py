"""The stable code of every mistake in a mapping.

Invariants: a code is never reused for something else. `check --explain` prints the title of a code
above its paragraph.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Code(StrEnum):
    """The stable codes: M030 to M044 need the schema, M046 the settings, the rest only the file."""

    MAPPING_NAME = "M001"
    NAME_TWICE = "M002"
    PATH_FORM = "M003"
    ONE_SOURCE = "M004"
    CONVERTERS = "M005"
    TARGET_NAME = "M006"
    TARGET_SUFFIX = "M007"
    TARGET_TWICE = "M008"
    EVENT_NAME = "M009"
    FILTER_FORM = "M010"
    FILTER_NEVER = "M011"
    DEFAULT_FORM = "M012"
    SESSION_FORM = "M013"
    NEVER_SEND = "M014"
    HASH_KEY = "M015"
    HASH_WEAK = "M016"
    TOPIC_NAME = "M017"
    TOPIC_PATTERN = "M018"
    SAMPLE = "M019"
    TEMPLATE = "M020"
    TIME_FORM = "M021"
    TABLE_TYPES = "M022"
    CONST_FORM = "M023"
    UNKNOWN_KEY = "M024"
    MISSING_KEY = "M025"
    WRONG_TYPE = "M026"
    WRONG_VALUE = "M027"
    PATTERN_OPEN = "M028"
    UNKNOWN_FIELD = "M030"
    NOTHING_BELOW = "M031"
    CAN_BE_MISSING = "M032"
    REFUSED_TYPE = "M033"
    NOT_COMPARABLE = "M034"
    UNKNOWN_SYMBOL = "M035"
    NEVER_MATCHES = "M036"
    ALWAYS_MATCHES = "M037"
    SEVERAL_TYPES = "M038"
    NO_CONVERSION = "M039"
    DEFAULT_TYPE = "M040"
    NEEDS_FORMAT = "M041"
    UID_TYPE = "M042"
    TYPE_CONFLICT = "M043"
    RECORD_NAME = "M044"
    NOT_IN_API = "M045"
    DEAD_LETTERS = "M046"


TITLES: Final[Mapping[Code, str]] = MappingProxyType(
    {
        Code.MAPPING_NAME: "a mapping's name has lowercase letters, digits and dashes",
        Code.NAME_TWICE: "two mappings have the same name",
        Code.PATH_FORM: "this is not a path",
        Code.ONE_SOURCE: "a value has exactly one source",
        Code.CONVERTERS: "these keys cannot be combined",
        Code.TARGET_NAME: "a property's name has letters, digits and `_`, and is not too long",
        Code.TARGET_SUFFIX: "a property's name ends in one of FullStory's own suffixes",
        Code.TARGET_TWICE: "two properties differ only in case, or a value is also an object",
        Code.EVENT_NAME: "an event's name has 1 to 250 characters",
        Code.FILTER_FORM: "this is not a filter",
        Code.FILTER_NEVER: "this filter can never match",
        Code.DEFAULT_FORM: "`default` and `optional` contradict each other, or have no meaning",
        Code.SESSION_FORM: "a session has exactly one source that the selected API supports",
        Code.NEVER_SEND: "this must never be sent in the clear",
        Code.HASH_KEY: "`hmac-sha256` needs a key",
        Code.HASH_WEAK: "a plain hash of this can be reversed by guessing",
        Code.TOPIC_NAME: "this is not a valid topic name",
        Code.TOPIC_PATTERN: "this is not a valid topic pattern",
        Code.SAMPLE: "a sample keeps a share above 0 and at most 1",
        Code.TEMPLATE: "this is not a template, or its paths are not enums",
        Code.TIME_FORM: "this is not a valid time format or zone",
        Code.TABLE_TYPES: "the values of a table have different types",
        Code.CONST_FORM: "this is not a valid constant",
        Code.UNKNOWN_KEY: "unknown key",
        Code.MISSING_KEY: "a required key is missing",
        Code.WRONG_TYPE: "this value has the wrong type",
        Code.WRONG_VALUE: "this value is not allowed here",
        Code.PATTERN_OPEN: "this pattern is not anchored at the start of the topic name",
        Code.UNKNOWN_FIELD: "the schema has no such field",
        Code.NOTHING_BELOW: "the path continues below a value that has nothing below it",
        Code.CAN_BE_MISSING: "this value can be missing, and the mapping does not handle that",
        Code.REFUSED_TYPE: "a value of this type cannot be sent as it is",
        Code.NOT_COMPARABLE: "the filter compares two different types",
        Code.UNKNOWN_SYMBOL: "the enum has no such symbol",
        Code.NEVER_MATCHES: "with this schema the filter never matches",
        Code.ALWAYS_MATCHES: "with this schema the filter always matches",
        Code.SEVERAL_TYPES: "this value can have several types",
        Code.NO_CONVERSION: "no such conversion exists",
        Code.DEFAULT_TYPE: "the default and the value have different types",
        Code.NEEDS_FORMAT: "this time has neither a zone nor a unit",
        Code.UID_TYPE: "a value of this type cannot identify a user",
        Code.TYPE_CONFLICT: "one property of one event has two types",
        Code.DEAD_LETTERS: "the mapping reads the topic that dead letters are written to",
        Code.RECORD_NAME: "the schema has no single record name",
        Code.NOT_IN_API: "the selected API has no such field",
    }
)
"""One line for each code."""
