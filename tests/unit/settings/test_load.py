"""The sources of a value: flag, environment, file, default."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import SetupError
from bridge.settings.load import Flag, Loaded, load

FILE = """\
kafka:
  bootstrap.servers: kafka:9092
  group.id: bridge
  sasl.password: ${BUS_PASSWORD:?}
mappings: [maps/*.yaml, "maps/a.*"]
avro:
  registry:
    url: [http://a:8081/, https://b/apis]
    basic.auth.user.info: ${USER}:${PASS}
log: {level: warning}
fullstory:
  key: ${FULLSTORY_API_KEY}
privacy:
"""
ENVIRON = {
    "BUS_PASSWORD": "pass: #word",
    "USER": "u",
    "PASS": "hunter2",
    "FULLSTORY_API_KEY": "eu1.hunter3",
}


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a settings file, mapping files and other files."""
    monkeypatch.chdir(tmp_path)
    Path("bridge.yaml").write_text(FILE)
    Path("maps").mkdir()
    for name in ("b.yaml", "a.yaml", "notes.txt", ".hidden.yaml"):
        Path("maps", name).write_text("format: 1\n")
    return tmp_path


def loaded(environ: dict[str, str] | None = None, *flags: Flag) -> Loaded:
    """The file above with more variables and flags."""
    return load(Path("bridge.yaml"), ENVIRON | (environ or {}), flags)


def test_precedence_is_flag_environment_file_default() -> None:
    """A source is used only if no earlier one sets the value."""
    level = {"BRIDGE_LOG__LEVEL": "error"}
    flag = Flag("--log-level", ("log", "level"), "debug")
    by_flag, by_variable, by_file = loaded(level, flag), loaded(level), loaded()
    assert [x.settings.log.level for x in (by_flag, by_variable, by_file)] == [
        "debug",
        "error",
        "warning",
    ]
    assert [x.origins["log.level"] for x in (by_flag, by_variable, by_file)] == [
        "--log-level",
        "BRIDGE_LOG__LEVEL",
        "bridge.yaml:10",
    ]
    assert by_flag.settings.log.format == "auto"
    assert by_flag.origins["log.format"] == "default"


def test_every_value_has_an_origin() -> None:
    """Defaults too, so that `config` can print all values."""
    origins = loaded({"BRIDGE_KAFKA_CLIENT_ID": "c"}).origins
    assert origins["kafka.group.id"] == "bridge.yaml:3"
    assert origins["kafka.sasl.password"] == "bridge.yaml:4 (BUS_PASSWORD)"
    assert origins["avro.registry.basic.auth.user.info"] == "bridge.yaml:9 (USER, PASS)"
    assert origins["avro.registry.url"] == "bridge.yaml:8"
    assert origins["kafka.client.id"] == "BRIDGE_KAFKA_CLIENT_ID"
    assert origins["privacy.never_send"] == "default"
    assert origins["topic_names"] == "default"
    assert None not in origins.values()


def test_fullstory_api_key_has_the_lowest_precedence() -> None:
    """`FULLSTORY_API_KEY` is only the default of `fullstory.key`."""
    text = FILE.replace("  key: ${FULLSTORY_API_KEY}\n", "  api: v1\n")
    Path("bridge.yaml").write_text(text)
    default = loaded()
    assert default.fullstory_key.read() == "eu1.hunter3"
    assert default.origins["fullstory.key"] == "FULLSTORY_API_KEY"
    overridden = loaded({"BRIDGE_FULLSTORY__KEY": "na1.ours"})
    assert overridden.fullstory_key.read() == "na1.ours"
    assert overridden.origins["fullstory.key"] == "BRIDGE_FULLSTORY__KEY"
    Path("bridge.yaml").write_text(text.replace("  api: v1", "  key: na1.file"))
    assert loaded().fullstory_key.read() == "na1.file"


@pytest.mark.parametrize(
    ("text", "environ", "origin"),
    [
        ("${FULLSTORY_API_KEY}", "FULLSTORY_API_KEY_FILE", "bridge.yaml:12 (key)"),
        ("~", "FULLSTORY_API_KEY_FILE", "FULLSTORY_API_KEY_FILE (key)"),
        ("na1.file", "BRIDGE_FULLSTORY__KEY_FILE", "BRIDGE_FULLSTORY__KEY_FILE (key)"),
    ],
)
def test_a_key_from_a_file_is_read_again(text: str, environ: str, origin: str) -> None:
    """A rotated secret is used without a restart, for every way to name the file."""
    Path("bridge.yaml").write_text(FILE.replace("${FULLSTORY_API_KEY}", text))
    Path("key").write_text("na1.first\n")
    source = loaded({"FULLSTORY_API_KEY": "", environ: "key"}).fullstory_key
    assert (source.read(), source.origin) == ("na1.first", origin)
    Path("key").write_text("na1.second\n")
    assert source.read() == "na1.second"
    Path("key").unlink()
    with pytest.raises(SetupError, match="no such file"):
        source.read()


def test_no_repr_has_a_secret() -> None:
    """Neither the settings nor their containers show a secret."""
    everything = loaded()
    for shown in (repr(everything), str(everything.settings), repr(everything.fullstory_key)):
        assert "hunter" not in shown
        assert "#word" not in shown


def test_librdkafka_gets_plain_values() -> None:
    """Secrets in clear text, and values of type str only."""
    config = loaded({"BRIDGE_KAFKA_FETCH_MIN_BYTES": "5"}).settings.kafka_config()
    assert config == {
        "bootstrap.servers": "kafka:9092",
        "group.id": "bridge",
        "sasl.password": "pass: #word",
        "fetch.min.bytes": "5",
    }
    assert {type(value) for value in config.values()} == {str}


def test_mapping_patterns_are_relative_to_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorted, without duplicates and hidden files; the working directory does not matter."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = load(tmp_path / "bridge.yaml", ENVIRON)
    assert found.mapping_files == (tmp_path / "maps" / "a.yaml", tmp_path / "maps" / "b.yaml")
    assert found.directory == tmp_path


def test_paths_are_relative_to_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schema or a certificate is found from any working directory."""
    (tmp_path / "order.avsc").write_text("{}")
    Path("bridge.yaml").write_text(
        FILE.replace("log:", "  topics: {orders: {wire_format: raw, schema: order.avsc}}\nlog:")
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    topics = load(tmp_path / "bridge.yaml", ENVIRON).settings.avro.topics
    assert topics["orders"].schema_files == (tmp_path / "order.avsc",)


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    """A container needs only mapping files."""
    environ = {
        "BRIDGE_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "BRIDGE_KAFKA_GROUP_ID": "bridge",
        "BRIDGE_MAPPINGS": "maps/a.yaml, maps/b.yaml",
        "BRIDGE_AVRO__REGISTRY__URL": "https://a,https://b",
        "BRIDGE_AVRO__REGISTRY__BASIC_AUTH_USER_INFO": "u:hunter2",
        "BRIDGE_FULLSTORY__API": "v1",
        "BRIDGE_FULLSTORY__ALLOW_HTTP": "true",
        "BRIDGE_FULLSTORY__BASE_URL": "http://stand-in:8080/",
        "BRIDGE_FULLSTORY__TIMEOUT_S": "2.5",
        "BRIDGE_FULLSTORY__UNKNOWN_USER_WAIT_S": "0",
        "BRIDGE_DELIVERY__WINDOW_BYTES_MAX": "32MiB",
        "BRIDGE_TOPIC_NAMES": "payments=prod.payments, orders=prod.orders",
        "BRIDGE_START": "2026-11-23T01:00:00+01:00",
        "FULLSTORY_API_KEY": "na1.hunter3",
    }
    found = load(None, environ)
    settings = found.settings
    assert found.mapping_files == (tmp_path / "maps" / "a.yaml", tmp_path / "maps" / "b.yaml")
    assert settings.avro.registry is not None
    assert settings.avro.registry.url == ("https://a", "https://b")
    assert settings.fullstory.endpoint == "http://stand-in:8080"
    assert (settings.fullstory.timeout_s, settings.fullstory.allow_http) == (2.5, True)
    assert settings.delivery.window_bytes_max == 32 * 1024 * 1024
    assert settings.topic_names == {"payments": "prod.payments", "orders": "prod.orders"}
    assert settings.start == datetime(2026, 11, 23, tzinfo=UTC)
    assert found.origins["mappings"] == "BRIDGE_MAPPINGS"


def test_a_variable_overrides_an_unset_reference_in_the_file() -> None:
    """The unset reference is then not a mistake."""
    environ = ENVIRON | {"BRIDGE_KAFKA_SASL_PASSWORD": "p"}
    del environ["BUS_PASSWORD"]
    config = load(Path("bridge.yaml"), environ).settings.kafka_config()
    assert config["sasl.password"] == "p"


def test_a_disabled_section_has_an_origin_and_a_variable_enables_it() -> None:
    """`~` is a value in the file, which a variable overrides."""
    Path("bridge.yaml").write_text(FILE + "halt: ~\n")
    off = loaded()
    on = loaded({"BRIDGE_HALT__REJECTED_SHARE": "0.25"})
    assert off.settings.halt is None
    assert off.origins["halt"] == f"bridge.yaml:{len(FILE.splitlines()) + 1}"
    assert on.settings.halt is not None
    assert on.settings.halt.rejected_share == 0.25
    assert on.origins["halt.rejected_share"] == "BRIDGE_HALT__REJECTED_SHARE"
    assert on.origins["halt.of_last_matches"] == "default"


def test_mistakes_of_all_sources_are_reported_together() -> None:
    """The file, the environment and a flag are in one report."""
    Path("bridge.yaml").write_text(FILE + "strat: latest\n")
    flag = Flag("--log-level", ("log", "level"), "loud")
    with pytest.raises(SetupError) as refused:
        loaded({"BRIDGE_KAFKA_GROUP_ID_FILE": "nowhere", "BRIDGE_START": "soon"}, flag)
    heads = [line.partition(": error")[0] for line in str(refused.value).splitlines()]
    assert [head for head in heads if not head.startswith(" ")] == [
        "BRIDGE_KAFKA_GROUP_ID_FILE",
        "BRIDGE_START",
        "--log-level",
        "bridge.yaml:14:1",
    ]
