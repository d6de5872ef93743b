"""Mistakes in the settings, each with its complete report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.errors import SetupError
from bridge.settings.load import load

CASES = Path(__file__).parents[2] / "cases" / "settings_mistakes"
LIBRDKAFKA = (
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "enable.auto.commit",
    "group.id",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
)
GOOD = {
    "kafka": "kafka: {bootstrap.servers: kafka:9092, group.id: bridge}",
    "mappings": "mappings: [mapping.yaml]",
    "avro": "avro: {registry: {url: https://registry}}",
    "fullstory": "fullstory: {key: na1.secret}",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One row: the file, the environment, and the report."""

    name: str
    report: str
    settings: str = ""
    without: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The file: the text of the case, then valid versions of the sections it leaves out."""
        written = {line.partition(":")[0] for line in self.settings.splitlines()}
        rest = [v for k, v in GOOD.items() if k not in written and k not in self.without]
        return self.settings + "".join(f"{line}\n" for line in rest)


def rows() -> Iterator[Any]:
    """All rows of all files."""
    for file in sorted(CASES.glob("*.yaml")):
        for row in yaml.safe_load(file.read_text(encoding="utf-8")):
            row["environ"] = tuple(row.get("environ", {}).items())
            yield pytest.param(Case(**row), id=f"{file.stem}: {row['name']}")


ROWS = tuple(rows())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own, with a mapping file and a folder."""
    monkeypatch.chdir(tmp_path)
    Path("mapping.yaml").write_text("format: 1\n", encoding="utf-8")
    Path("folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("case", ROWS)
def test_a_mistake_is_reported_with_its_position_and_fix(case: Case, here: Path) -> None:
    """The report of `load` is exactly the report in the row."""
    Path("bridge.yaml").write_text(case.text, encoding="utf-8")
    with pytest.raises(SetupError) as refused:
        load(Path("bridge.yaml"), dict(case.environ), known_kafka_keys=LIBRDKAFKA)
    assert str(refused.value).replace(str(here), "<here>") == case.report


@pytest.mark.parametrize("case", ROWS)
def test_no_report_shows_a_secret(case: Case) -> None:
    """If a row has a secret (`hunter…`), its report shows asterisks or no line."""
    assert "hunter" not in case.report


def test_there_are_enough_mistakes() -> None:
    """Guards against an empty table."""
    assert len(ROWS) >= 80


@pytest.mark.usefixtures("here")
def test_a_valid_file_has_no_mistakes() -> None:
    """The sections that complete every row are valid on their own."""
    Path("bridge.yaml").write_text("".join(f"{line}\n" for line in GOOD.values()))
    environ = {"BRIDGE_KAFKA_SSL_CA_LOCATION": "probe"}
    loaded = load(Path("bridge.yaml"), environ, known_kafka_keys=LIBRDKAFKA)
    assert loaded.settings.start == "latest"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "content", "problem", "fix"),
    [
        (
            "nowhere.yaml",
            None,
            "nowhere.yaml: error S005: the file does not exist",
            "name it with --config, or set everything with BRIDGE_… variables",
        ),
        (".", None, ".: error S005: this is a directory", "name a file in it"),
        (
            "latin.yaml",
            "a: b\nc: é".encode("latin-1"),
            "latin.yaml:2:4: error S005: this is not UTF-8 text",
            "save the file as UTF-8",
        ),
        (
            "utf16.yaml",
            b"\xff\xfea\x00",
            "utf16.yaml:1:1: error S005: this is not UTF-8 text",
            "save the file as UTF-8",
        ),
        (
            "huge.yaml",
            b"\n" * 1_100_000,
            "huge.yaml:1:1: error D001: the file has more than 1048576 bytes",
            "split it into several files",
        ),
    ],
)
def test_an_unreadable_file_is_reported_with_the_reason(
    name: str,
    content: bytes | None,
    problem: str,
    fix: str,
) -> None:
    """Missing, a directory, not UTF-8, too large: each has its own message."""
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(SetupError) as refused:
        load(Path(name), {})
    assert str(refused.value) == f"{problem}\n    fix: {fix}"


def test_a_file_without_read_permission_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason of the operating system."""

    def refuse(_: Path, mode: str) -> None:
        raise PermissionError(13, f"Permission denied: {mode}")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SetupError, match=r"^bridge.yaml: error S005: permission denied"):
        load(Path("bridge.yaml"), {})


@pytest.mark.usefixtures("here")
def test_without_a_file_missing_settings_name_their_variables() -> None:
    """A container without settings gets the list of all variables that it needs."""
    with pytest.raises(SetupError) as refused:
        load(None, {})
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_GROUP_ID", "MAPPINGS"):
        assert f"BRIDGE_{variable}" in str(refused.value)
    assert "FULLSTORY_API_KEY" in str(refused.value)
