"""How the wheel's librdkafka is found, and the error if it is missing."""

from pathlib import Path

import pytest

from bridge.errors import SetupError
from bridge.sandbox.kafka import librdkafka


def test_on_linux_the_library_is_next_to_the_package(tmp_path: Path) -> None:
    """It is in `confluent_kafka.libs`, with a digest in its name."""
    found = tmp_path / "confluent_kafka.libs" / "librdkafka-0cb94173.so.1"
    found.parent.mkdir()
    found.touch()
    assert librdkafka._library_file(tmp_path / "confluent_kafka") == found


def test_on_macos_the_library_is_inside_the_package(tmp_path: Path) -> None:
    """It is in `.dylibs`."""
    found = tmp_path / "confluent_kafka" / ".dylibs" / "librdkafka.1.dylib"
    found.parent.mkdir(parents=True)
    found.touch()
    assert librdkafka._library_file(tmp_path / "confluent_kafka") == found


def test_a_build_without_the_library_is_an_error_with_a_fix(tmp_path: Path) -> None:
    """The message names the required wheel."""
    with pytest.raises(SetupError, match="wheel"):
        librdkafka._library_file(tmp_path / "confluent_kafka")
