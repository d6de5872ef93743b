"""The section `fullstory`: the account that receives the events."""

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bridge.documents.validation_messages import Mistake, refuse
from bridge.settings.codes import SettingsCode
from bridge.settings.sections.section import Section
from bridge.settings.sections.value_types import (
    KeySetting,
    Number,
    OptionalDuration,
    OptionalNumber,
    OptionalOrganization,
    OptionalUrl,
    Switch,
    Whole,
    is_open_http,
)

API_HOSTS = {"na1.": "https://api.fullstory.com", "eu1.": "https://api.eu1.fullstory.com"}
"""The prefix of a key names its data center."""


class FullStorySettings(Section):
    """The account that receives the events."""

    api: Literal["v1", "v2"] = Field(
        default="v1", description="The version of the FullStory server API."
    )
    key: KeySetting = Field(
        description="An API key that may write events. If it comes from a file, it is read again "
        "when FullStory refuses it."
    )
    allow_http: Switch = Field(
        default=False,
        description="Allows plain HTTP to another machine. Events and the key are then not "
        "encrypted.",
    )
    base_url: OptionalUrl = Field(
        default=None, description="The URL of the API. By default the prefix of the key decides."
    )
    max_event_age: OptionalDuration = Field(
        default=604_800,
        gt=0,
        le=315_360_000,
        description="An older event is dead-lettered as `too_old`. Seconds, or with a unit: `12h`, "
        "`7d`. `~` disables it.",
    )
    max_in_flight: Whole = Field(
        default=256, ge=1, le=10_000, description="The maximum number of requests in flight."
    )
    max_rate: OptionalNumber = Field(
        default=None,
        gt=0,
        le=100_000,
        description="The maximum number of events per second. By default the bridge finds the "
        "limit of the account.",
    )
    org: OptionalOrganization = Field(
        default=None,
        description="The organization that the key must belong to, such as `o-1ABC-na1`. The "
        "bridge does not send with a key of another organization.",
    )
    session_window_s: Number = Field(
        default=1800,
        gt=0,
        le=604_800,
        description="The age at which an event is late because its session has ended, in seconds.",
    )
    timeout_s: Number = Field(
        default=10, gt=0, le=300, description="The time limit of a request, in seconds."
    )
    unknown_user: Literal["skip", "dead_letter", "create"] = Field(
        default="skip",
        description="What happens to an event whose user FullStory does not know. v1 takes "
        "`skip` or `dead_letter`; v2 requires `create`.",
    )
    unknown_user_wait_s: Number = Field(
        default=60,
        ge=0,
        le=3600,
        description="How long the bridge waits before it tries an unknown user again, in seconds.",
    )

    @field_validator("base_url")
    @classmethod
    def _encrypted(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and is_open_http(value) and info.data.get("allow_http") is False:
            message = "plain http to another host sends the key and the events unencrypted"
            fix = "use https, or set `fullstory.allow_http: true`"
            raise refuse(Mistake(SettingsCode.PLAIN_HTTP, message, fix=fix))
        return value

    @model_validator(mode="after")
    def _api_supports_unknown_user(self) -> Self:
        if (self.api == "v2") == (self.unknown_user == "create"):
            return self
        fix = "set `fullstory.unknown_user: create` if you want that, or `fullstory.api: v1`"
        message = "API v2 always creates unknown users"
        if self.api == "v1":
            fix = "set `skip` or `dead_letter`, or set `fullstory.api: v2`"
            message = "API v1 cannot create users"
        path = ("unknown_user",)
        raise refuse(Mistake(SettingsCode.UNKNOWN_USER, message, path, fix=fix))

    @property
    def endpoint(self) -> str:
        """The API's base URL without a trailing slash: `base_url`, else by the key's prefix."""
        if self.base_url is not None:
            return self.base_url
        return API_HOSTS.get(self.key.get_secret_value()[:4], API_HOSTS["na1."])
