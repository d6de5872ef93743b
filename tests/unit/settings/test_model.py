"""The settings model without its sources."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from bridge.settings.codes import TITLES, SettingsCode
from bridge.settings.model import Settings
from bridge.settings.sections.value_types import is_open_http
from bridge.settings.sources.external_text import ExternalText


def settings(**more: Any) -> Settings:
    """The minimal valid settings, and more."""
    minimal: dict[str, Any] = {
        "kafka": {"bootstrap.servers": "kafka:9092", "group.id": "bridge"},
        "mappings": ["mapping.yaml"],
        "avro": {"registry": {"url": "https://registry"}},
        "fullstory": {"key": "na1.secret"},
    }
    return Settings.model_validate(minimal | more)


def test_minimal_settings_have_all_defaults() -> None:
    """The values in the documentation."""
    found = settings()
    assert (found.start, found.out_of_range, found.log.format) == ("latest", "halt", "auto")
    assert (found.fullstory.max_in_flight, found.fullstory.timeout_s) == (256, 10)
    assert found.fullstory.max_rate is None
    assert found.fullstory.session_window_s == 1800
    assert (found.fullstory.unknown_user, found.fullstory.unknown_user_wait_s) == ("skip", 60)
    assert found.delivery.model_dump() == {
        "duplicate_budget": 1000,
        "window_bytes_max": 64 * 1024 * 1024,
        "commit_interval_ms": 250,
        "rebalance_drain_s": 15,
        "shutdown_drain_s": 25,
    }
    assert found.halt is not None
    assert found.halt.model_dump() == {"rejected_share": 0.5, "of_last_matches": 500}
    assert found.dead_letters.topic == "fullstory-bridge.dead-letters"
    assert found.avro.subject == "{topic}-value"


@pytest.mark.parametrize(
    ("key", "endpoint"),
    [
        ("na1.abc", "https://api.fullstory.com"),
        ("eu1.abc", "https://api.eu1.fullstory.com"),
        ("abc", "https://api.fullstory.com"),
        ("eu1abc", "https://api.fullstory.com"),
    ],
)
def test_the_prefix_of_the_key_selects_the_data_center(key: str, endpoint: str) -> None:
    """An older key without a prefix belongs to the first one."""
    assert settings(fullstory={"key": key}).fullstory.endpoint == endpoint


def test_base_url_overrides_the_prefix_of_the_key() -> None:
    """Its trailing slash is removed, so that paths can be appended."""
    section = {"key": "eu1.x", "base_url": "https://proxy.example/fs/"}
    assert settings(fullstory=section).fullstory.endpoint == "https://proxy.example/fs"


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104  (only read)
        ("localhost:0", ("localhost", 0)),
        ("[::1]:8080", ("::1", 8080)),
        (ExternalText("127.0.0.1:1"), ("127.0.0.1", 1)),
        (ExternalText("~"), None),
        (ExternalText(""), None),
        (None, None),
    ],
)
def test_the_status_server_has_a_host_and_a_port_or_is_off(
    listen: str | None, address: tuple[str, int] | None
) -> None:
    """`~` turns it off, also in a variable."""
    assert settings(status={"listen": listen}).status.address == address
    assert settings(status=None).status.address is None


@pytest.mark.parametrize(
    "listen",
    ["", "8080", ":8080", "h", "h:", "h:x", "h:70000", "u@h:1", "::1:8080", "h:1/livez", "~"],
)
def test_an_invalid_listen_address_is_refused(listen: str) -> None:
    """In the file, an empty text does not turn it off."""
    with pytest.raises(ValidationError, match="host:port"):
        settings(status={"listen": listen})


def test_the_status_server_listens_on_localhost_by_default() -> None:
    """It has no authentication."""
    assert settings().status.address == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("https://example.com", False),
        ("http://localhost:80", False),
        ("http://127.3.2.1", False),
        ("http://[::1]:80", False),
        ("http://example.com", True),
        ("http://10.0.0.1", True),
        ("http://localhost.example.com", True),
    ],
)
def test_plain_http_is_allowed_only_for_this_host(url: str, is_open: bool) -> None:
    """Other traffic would be unencrypted."""
    assert is_open_http(url) is is_open


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry",
        "registry:8081",
        "ftp://registry",
        "https://",
        "https://registry:0",
        "https://registry:port",
        "https://registry:99999",
        "https://[::1",
        "https://user@registry",
        "https://:password@registry",
        "https://registry?a=b",
        "https://registry#a",
        "https://regis try",
        "https://registry\n",
    ],
)
def test_an_address_needs_a_scheme_and_a_host_only(url: str) -> None:
    """Refuses what a client would misread, and passwords that would be logged."""
    with pytest.raises(ValidationError):
        settings(avro={"registry": {"url": url}})


def test_plain_http_can_be_allowed() -> None:
    """Explicitly, for a proxy that encrypts."""
    section = {"key": "na1.x", "base_url": "http://proxy.example"}
    with pytest.raises(ValidationError):
        settings(fullstory=section)
    assert (
        settings(fullstory=section | {"allow_http": True}).fullstory.endpoint == section["base_url"]
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1048576, 2**20),
        ("64MiB", 2**26),
        ("2 MB", 2_000_000),
        ("1GiB", 2**30),
        ("1048577B", 2**20 + 1),
    ],
)
def test_sizes_can_have_units(text: object, size: int) -> None:
    """Binary and decimal ones."""
    assert settings(delivery={"window_bytes_max": text}).delivery.window_bytes_max == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604_800), ("12h", 43_200), ("30 m", 1_800), ("45s", 45), (90, 90), (None, None)],
)
def test_durations_can_have_units(text: object, seconds: float | None) -> None:
    """Without a unit they are seconds; null means no limit."""
    found = settings(fullstory={"key": "na1.secret", "max_event_age": text})
    assert found.fullstory.max_event_age == seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("earliest", "earliest"),
        ("2026-11-23T00:00:00Z", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23t00:00:00.5z", datetime(2026, 11, 23, 0, 0, 0, 500_000, tzinfo=UTC)),
        (
            "2026-11-23T00:00:00-05:00",
            datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=-5))),
        ),
    ],
)
def test_start_is_a_keyword_or_a_time(text: str, moment: object) -> None:
    """In RFC 3339."""
    assert settings(start=text).start == moment


def test_a_quoted_number_is_text_but_one_in_a_variable_is_a_number() -> None:
    """A variable cannot express the difference."""
    with pytest.raises(ValidationError):
        settings(fullstory={"key": "na1.x", "max_in_flight": "5"})
    section = {
        "key": ExternalText("5"),
        "max_in_flight": ExternalText(" 5 "),
        "base_url": ExternalText(""),
    }
    section |= {"max_rate": ExternalText("")}
    found = settings(fullstory=section).fullstory
    assert (found.max_in_flight, found.key.get_secret_value(), found.base_url) == (5, "5", None)
    assert found.max_rate is None


def test_true_is_not_a_number() -> None:
    """YAML's booleans are not 1 and 0."""
    with pytest.raises(ValidationError):
        settings(fullstory={"key": "na1.x", "max_in_flight": True})


def test_one_registry_becomes_a_list() -> None:
    """So that other code handles only one form."""
    registry = settings().avro.registry
    assert registry is not None
    assert registry.url == ("https://registry",)


def test_the_settings_cannot_be_changed() -> None:
    """They are fixed for the life of the process."""
    with pytest.raises(ValidationError):
        settings().log.level = "debug"


def test_every_setting_has_a_description() -> None:
    """An editor shows it."""
    missing = [path for path, text in descriptions(Settings) if not text]
    assert missing == []


def test_the_json_schema_can_be_exported() -> None:
    """With the names in the file."""
    schema = Settings.model_json_schema(by_alias=True)
    assert schema["properties"]["kafka"]["required"] == ["bootstrap.servers", "group.id"]
    registry = schema["$defs"]["RegistrySettings"]["properties"]
    assert "basic.auth.user.info" in registry
    assert schema["$defs"]["DeliverySettings"]["properties"]["window_bytes_max"]["anyOf"] == [
        {"type": "integer"},
        {"type": "string"},
    ]


def test_every_code_has_a_title() -> None:
    """And every title has a code."""
    assert set(TITLES) == set(SettingsCode)
    assert len({code.value for code in SettingsCode}) == len(SettingsCode)


def descriptions(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str | None]]:
    """Every field below a model with its description."""
    for name, field in model.model_fields.items():
        yield f"{path}.{name}", field.description
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from descriptions(field.annotation, f"{path}.{name}")


@pytest.mark.parametrize("seconds", [0, -1, 604_801, "half an hour"])
def test_the_session_window_is_above_0_and_at_most_a_week(seconds: Any) -> None:
    """At 0 every event would be late."""
    with pytest.raises(ValidationError, match="session_window_s"):
        settings(fullstory={"key": "na1.secret", "session_window_s": seconds})
