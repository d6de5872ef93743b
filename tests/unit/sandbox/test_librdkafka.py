"""How the library of the wheel is found, and what is said where it is not."""

from pathlib import Path

import pytest

from bridge.errors import SetupError
from bridge.sandbox.kafka import librdkafka


def test_the_library_lies_beside_the_package_on_linux(tmp_path: Path) -> None:
    """In `confluent_kafka.libs`, with a digest in its name."""
    found = tmp_path / "confluent_kafka.libs" / "librdkafka-0cb94173.so.1"
    found.parent.mkdir()
    found.touch()
    assert librdkafka._library_file(tmp_path / "confluent_kafka") == found


def test_the_library_lies_inside_the_package_on_macos(tmp_path: Path) -> None:
    """In `.dylibs`."""
    found = tmp_path / "confluent_kafka" / ".dylibs" / "librdkafka.1.dylib"
    found.parent.mkdir(parents=True)
    found.touch()
    assert librdkafka._library_file(tmp_path / "confluent_kafka") == found


def test_a_build_without_the_library_is_told_with_the_cure(tmp_path: Path) -> None:
    """The message names the wheel."""
    with pytest.raises(SetupError, match="wheel"):
        librdkafka._library_file(tmp_path / "confluent_kafka")
