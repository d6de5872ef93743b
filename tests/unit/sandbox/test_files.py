"""The shipped example files are found."""

import json
from pathlib import Path

import pytest

from bridge.errors import SetupError
from bridge.sandbox import files


def test_every_example_topic_has_a_schema_and_the_mappings_exist() -> None:
    """In a checkout they are next to the package."""
    assert {json.loads(files.schema_text(topic))["name"] for topic in files.TOPICS} == {
        "Payment",
        "Order",
    }
    assert [file.name for file in files.mapping_files()] == ["orders.yaml", "payments.yaml"]


def test_the_copy_in_the_package_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel contains them as `_schemas`; without either, the message says how to fix it."""
    package = tmp_path / "bridge"
    package.mkdir()
    monkeypatch.setattr(files, "files", lambda _name: package)
    with pytest.raises(SetupError, match="install the wheel"):
        files.folder()
    (tmp_path / "schemas").mkdir()
    assert files.folder() == tmp_path / "schemas"
    (package / "_schemas").mkdir()
    assert files.folder() == package / "_schemas"
