"""Mistakes in the settings, each with the whole report that a person gets."""

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
    """One row: what is written, what the environment says, and the report."""

    name: str
    report: str
    settings: str = ""
    without: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The file: what the case writes, then the sections that it leaves out in good form."""
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
def test_a_mistake_is_told_with_its_place_and_cure(case: Case, here: Path) -> None:
    """Every row's report is what `load` says, to the letter."""
    Path("bridge.yaml").write_text(case.text, encoding="utf-8")
    with pytest.raises(SetupError) as told:
        load(Path("bridge.yaml"), dict(case.environ), known_kafka_keys=LIBRDKAFKA)
    assert str(told.value).replace(str(here), "<here>") == case.report


@pytest.mark.parametrize("case", ROWS)
def test_no_report_shows_a_secret(case: Case) -> None:
    """Where a row writes a secret (`hunter…`), its report has asterisks or no line at all."""
    assert "hunter" not in case.report


def test_there_are_enough_mistakes() -> None:
    """The table cannot become empty unnoticed."""
    assert len(ROWS) >= 80


@pytest.mark.usefixtures("here")
def test_a_good_file_has_no_mistakes() -> None:
    """What every row is completed with is good by itself."""
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
            "nowhere.yaml: error S005: there is no such file",
            "name it with --config, or set everything by BRIDGE_… variables",
        ),
        (".", None, ".: error S005: this is a directory", "name the file in it"),
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
def test_a_file_that_cannot_be_read_says_why(
    name: str,
    content: bytes | None,
    problem: str,
    fix: str,
) -> None:
    """Not there, a directory, not UTF-8, too large: each has a sentence of its own."""
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(SetupError) as told:
        load(Path(name), {})
    assert str(told.value) == f"{problem}\n    cure: {fix}"


def test_a_file_that_may_not_be_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's reason is passed on."""

    def refuse(_: Path, mode: str) -> None:
        raise PermissionError(13, f"Permission denied: {mode}")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SetupError, match=r"^bridge.yaml: error S005: permission denied"):
        load(Path("bridge.yaml"), {})


@pytest.mark.usefixtures("here")
def test_without_a_file_what_is_missing_names_its_variable() -> None:
    """A container that sets nothing learns all variables that it needs."""
    with pytest.raises(SetupError) as told:
        load(None, {})
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_GROUP_ID", "MAPPINGS"):
        assert f"BRIDGE_{variable}" in str(told.value)
    assert "FULLSTORY_API_KEY" in str(told.value)
