"""The origin of each setting, as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.documents.document import DataPath, Document, dotted
from bridge.settings.model import Settings
from bridge.settings.sources.environment import Environment
from bridge.settings.sources.interpolation import Interpolated

DEFAULT = "default"


def origins_of(
    settings: Settings,
    document: Document | None,
    from_file: Interpolated,
    environment: Environment,
) -> Mapping[str, str]:
    """The origin of every value by dotted name: `default`, `bridge.yaml:3`, a variable or a flag.

    A value in the file that refers to variables or secret files names these too:
    `bridge.yaml:3 (BUS_USER)`.
    """
    return {
        dotted(path): _origin(path, document, from_file, environment)
        for path in _leaves(settings.model_dump(by_alias=True), ())
    }


def _leaves(value: Any, path: DataPath) -> Iterator[DataPath]:
    """The paths of the leaf values; a list counts as one value."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path


def _origin(
    path: DataPath,
    document: Document | None,
    from_file: Interpolated,
    environment: Environment,
) -> str:
    for end in range(len(path), 0, -1):
        given = environment.given.get(path[:end])
        if given is not None:
            return f"{given.name}{given.note}"
    if document is None or not _is_written(document.data, path):
        return DEFAULT
    used = [
        name for at, names in from_file.used.items() if at[: len(path)] == path for name in names
    ]
    line = document.place(path).line
    return f"{document.file}:{line}" + (f" ({', '.join(used)})" if used else "")


def _is_written(data: Any, path: DataPath) -> bool:
    for step in path:
        if not isinstance(data, dict) or step not in data:
            return False
        data = data[step]
    return True
