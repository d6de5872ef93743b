"""The stable code of every mistake in the settings.

Invariants: a code is never reused with another meaning (S017 was about API v2 before it was
supported). `check --explain CODE` prints the titles.
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
        SettingsCode.UNKNOWN_KEY: "unknown setting",
        SettingsCode.MISSING_KEY: "a required setting is missing",
        SettingsCode.WRONG_TYPE: "the value has the wrong type",
        SettingsCode.WRONG_VALUE: "the value is not allowed",
        SettingsCode.UNREADABLE: "the settings file cannot be read",
        SettingsCode.UNSET_VARIABLE: "an environment variable that the file refers to is not set",
        SettingsCode.SET_TWICE: "a variable and its `_FILE` variant are both set",
        SettingsCode.REFERENCE_FORM: "invalid reference to an environment variable",
        SettingsCode.SECRET_FILE: "the file that a `_FILE` variable names cannot be read",
        SettingsCode.UNKNOWN_VARIABLE: "the environment variable belongs to no setting",
        SettingsCode.UNKNOWN_KAFKA_KEY: "librdkafka has no such key",
        SettingsCode.OWNED_BY_BRIDGE: "the bridge sets this librdkafka key itself",
        SettingsCode.NO_MAPPING_FILE: "a pattern of `mappings` matches no file",
        SettingsCode.NO_SUCH_FILE: "a file that a setting names does not exist",
        SettingsCode.URL_FORM: "the bridge cannot use this address",
        SettingsCode.PLAIN_HTTP: "events and the API key would be sent unencrypted",
        SettingsCode.SECRET_FORM: "invalid key",
        SettingsCode.NO_SCHEMAS: "there is neither a registry nor a schema file for decoding",
        SettingsCode.TWO_CREDENTIALS: "conflicting or incomplete credentials",
        SettingsCode.TOPIC_NAME: "invalid topic name",
        SettingsCode.ONE_NAME: "one topic has two names",
        SettingsCode.UNKNOWN_USER: "the chosen API does not support this handling of unknown users",
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
"""The codes for the kinds of mistake in `bridge.documents`."""
