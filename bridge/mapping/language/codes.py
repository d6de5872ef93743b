"""Every mistake that this room tells, by a stable code.

Invariants: a code is never used again for something else; the titles are what a reader gets who
asks for a code alone.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Code(StrEnum):
    """The stable codes; M030 to M044 need the schema, M046 the settings, the others the file."""

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
        Code.MAPPING_NAME: "a mapping's name is small letters, digits and dashes",
        Code.NAME_TWICE: "two mappings have one name",
        Code.PATH_FORM: "this is not a path",
        Code.ONE_SOURCE: "a value has exactly one source",
        Code.CONVERTERS: "these keys cannot stand together",
        Code.TARGET_NAME: "a property's name is letters, digits and `_`, and not too long",
        Code.TARGET_SUFFIX: "a property's name ends in one of FullStory's own suffixes",
        Code.TARGET_TWICE: "two properties differ in case only",
        Code.EVENT_NAME: "an event's name has 1 to 250 characters",
        Code.FILTER_FORM: "this is not a filter",
        Code.FILTER_NEVER: "this filter can match nothing",
        Code.DEFAULT_FORM: "`default` and `optional` contradict each other, or say nothing",
        Code.SESSION_FORM: "the session is named in one way that the chosen API knows",
        Code.NEVER_SEND: "this may never be sent in clear",
        Code.HASH_KEY: "`hmac-sha256` needs a key",
        Code.HASH_WEAK: "a plain hash of this can be guessed",
        Code.TOPIC_NAME: "this cannot be the name of a topic",
        Code.TOPIC_PATTERN: "this cannot be a pattern of topics",
        Code.SAMPLE: "a sample keeps a share above 0 and at most 1",
        Code.TEMPLATE: "this is not a template, or not over enums",
        Code.TIME_FORM: "this is not a form of time",
        Code.TABLE_TYPES: "the values of a table are of several types",
        Code.CONST_FORM: "this cannot be a constant",
        Code.UNKNOWN_KEY: "the grammar has no such key",
        Code.MISSING_KEY: "a key that must be there is not",
        Code.WRONG_TYPE: "a value of another type is expected here",
        Code.WRONG_VALUE: "this value is not allowed here",
        Code.PATTERN_OPEN: "this pattern does not say where a topic's name begins",
        Code.UNKNOWN_FIELD: "the schema has no such field",
        Code.NOTHING_BELOW: "the path goes on where the schema has nothing below",
        Code.CAN_BE_MISSING: "this value can be missing, and the mapping does not say what then",
        Code.REFUSED_TYPE: "a value of this type cannot be sent as it is",
        Code.NOT_COMPARABLE: "the filter compares two different types",
        Code.UNKNOWN_SYMBOL: "the enum has no such symbol",
        Code.NEVER_MATCHES: "with this schema the filter can match nothing",
        Code.ALWAYS_MATCHES: "with this schema the filter matches everything",
        Code.SEVERAL_TYPES: "this value can be of several types",
        Code.NO_CONVERSION: "there is no such conversion",
        Code.DEFAULT_TYPE: "the default is of another type than the value",
        Code.NEEDS_FORMAT: "this time says neither its zone nor its unit",
        Code.UID_TYPE: "a value of this type cannot identify a user",
        Code.TYPE_CONFLICT: "one property of one event has two types",
        Code.DEAD_LETTERS: "the mapping reads the topic that dead letters are written to",
        Code.RECORD_NAME: "the record's name cannot be told from its value",
        Code.NOT_IN_API: "the chosen API has no such field",
    }
)
"""One line for each code."""
