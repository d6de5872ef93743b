"""The shipped examples are found."""

import json
from pathlib import Path

import pytest

from bridge.errors import SetupError
from bridge.sandbox import files


def test_every_example_topic_has_a_schema_and_there_are_mappings() -> None:
    """In a checkout they are beside the package."""
    assert {json.loads(files.schema_text(topic))["name"] for topic in files.TOPICS} == {
        "Payment",
        "Order",
    }
    assert [file.name for file in files.mapping_files()] == ["orders.yaml", "payments.yaml"]


def test_the_package_s_own_copy_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel carries them as `_schemas`; without either the message names the cure."""
    package = tmp_path / "bridge"
    package.mkdir()
    monkeypatch.setattr(files, "files", lambda _name: package)
    with pytest.raises(SetupError, match="install the wheel"):
        files.folder()
    (tmp_path / "schemas").mkdir()
    assert files.folder() == tmp_path / "schemas"
    (package / "_schemas").mkdir()
    assert files.folder() == package / "_schemas"
