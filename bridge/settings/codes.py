"""Every mistake that this room tells, by a stable code.

Invariants: a code is never used again for something else (S017 spoke of API v2 while there was
none); the titles are what a reader gets who asks for a code alone.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SettingsCode(StrEnum):
    """The stable codes."""

    UNKNOWN_KEY = "S001"
    MISSING_KEY = "S002"
    WRONG_TYPE = "S003"
    WRONG_VALUE = "S004"
    UNREADABLE = "S005"
    UNSET_VARIABLE = "S006"
    SET_TWICE = "S007"
    REFERENCE_FORM = "S008"
    SECRET_FILE = "S009"  # noqa: S105 -- a code
    UNKNOWN_VARIABLE = "S010"
    UNKNOWN_KAFKA_KEY = "S011"
    OWNED_BY_BRIDGE = "S012"
    NO_MAPPING_FILE = "S013"
    NO_SUCH_FILE = "S014"
    URL_FORM = "S015"
    PLAIN_HTTP = "S016"
    SECRET_FORM = "S018"  # noqa: S105 -- a code
    NO_SCHEMAS = "S019"
    TWO_CREDENTIALS = "S020"
    TOPIC_NAME = "S021"
    ONE_NAME = "S022"
    UNKNOWN_USER = "S023"


TITLES: Final[Mapping[SettingsCode, str]] = MappingProxyType(
    {
        SettingsCode.UNKNOWN_KEY: "there is no such setting",
        SettingsCode.MISSING_KEY: "a setting that must be there is not",
        SettingsCode.WRONG_TYPE: "a value of another type is expected here",
        SettingsCode.WRONG_VALUE: "this value is not allowed here",
        SettingsCode.UNREADABLE: "the settings file cannot be read",
        SettingsCode.UNSET_VARIABLE: "an environment variable that the file refers to is not set",
        SettingsCode.SET_TWICE: "a variable and its `_FILE` are both set",
        SettingsCode.REFERENCE_FORM: "this is not a reference to an environment variable",
        SettingsCode.SECRET_FILE: "the file that a `_FILE` variable names cannot be read",
        SettingsCode.UNKNOWN_VARIABLE: "no setting belongs to this environment variable",
        SettingsCode.UNKNOWN_KAFKA_KEY: "librdkafka has no such key",
        SettingsCode.OWNED_BY_BRIDGE: "the bridge sets this key of librdkafka itself",
        SettingsCode.NO_MAPPING_FILE: "a pattern of `mappings` matches no file",
        SettingsCode.NO_SUCH_FILE: "a file that a setting names is not there",
        SettingsCode.URL_FORM: "this is not an address that the bridge can use",
        SettingsCode.PLAIN_HTTP: "events and the key would travel unencrypted",
        SettingsCode.SECRET_FORM: "this cannot be a key",
        SettingsCode.NO_SCHEMAS: "there is neither a registry nor a schema to decode with",
        SettingsCode.TWO_CREDENTIALS: "these credentials do not go together",
        SettingsCode.TOPIC_NAME: "this cannot be the name of a topic",
        SettingsCode.ONE_NAME: "one topic has two names",
        SettingsCode.UNKNOWN_USER: "the chosen API cannot treat unknown users so",
    }
)
"""One line for each code."""

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown_key": SettingsCode.UNKNOWN_KEY,
        "missing_key": SettingsCode.MISSING_KEY,
        "wrong_type": SettingsCode.WRONG_TYPE,
        "wrong_value": SettingsCode.WRONG_VALUE,
    }
)
"""What the document room's kinds of mistake are called here."""
