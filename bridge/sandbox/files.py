"""Locates the example schemas and mappings: in the installed package, else in the checkout."""

from importlib.resources import files
from pathlib import Path

from bridge.errors import SetupError

TOPICS = {"payments": "payment.avsc", "orders": "order.avsc"}
"""The example topics and the schema file of their values."""


def folder() -> Path:
    """The folder with `avro/` and `mappings/`; raises `SetupError` if it does not exist.

    The wheel contains it inside the package; a checkout has it next to the package.
    """
    package = Path(str(files("bridge")))
    for place in (package / "_schemas", package.parent / "schemas"):
        if place.is_dir():
            return place
    raise SetupError(
        f"the example schemas are neither in {package} nor next to it: install the wheel again"
    )


def schema_text(topic: str) -> str:
    """The Avro schema of an example topic, verbatim from its file."""
    return (folder() / "avro" / TOPICS[topic]).read_text()


def mapping_files() -> tuple[Path, ...]:
    """The example mapping files, sorted by name."""
    return tuple(sorted((folder() / "mappings").glob("*.yaml")))
