"""Settings that are incomplete: placeholders for what a command does not need.

Invariants: a command sees the same settings as `run`, also without a settings file. A container
often has some of them only, so the required ones that are missing get placeholders; such settings
are never used for a connection.
"""

import glob
import re
from collections.abc import Iterable, Mapping
from typing import Final

from bridge.documents.problems import Problem, Problems
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.settings.load import Flag, Loaded, read_settings
from bridge.settings.model import Settings
from bridge.settings.sources.environment import KEY_VARIABLE, read_environment

PLACEHOLDER: Final = "made-up"
PLACEHOLDER_FILES: Final = Flag("placeholder", ("mappings",), [glob.escape(__file__)])
"""Mapping files that exist, for a command that reads none of them."""

_UNSET: Final = re.compile(r"`(\w+)` is not set")
_REQUIRED: Final = (
    Flag("placeholder", ("kafka", "bootstrap.servers"), PLACEHOLDER),
    Flag("placeholder", ("kafka", "group.id"), PLACEHOLDER),
    PLACEHOLDER_FILES,
    Flag("placeholder", ("avro", "registry", "url"), "http://localhost"),
)


def placeholders_for(problems: Iterable[Problem]) -> dict[str, str]:
    """Placeholder values for the variables that the problems report as not set."""
    names = (name for problem in problems for name in _UNSET.findall(problem.message))
    return dict.fromkeys(names, PLACEHOLDER)


def settings_in_environment(
    environ: Mapping[str, str],
) -> tuple[Loaded | None, Settings | None]:
    """The settings in the environment: `Loaded` if they are complete, and what is set.

    Both are None if no variable sets anything.

    Raises:
        Problems: a variable is wrong.
    """
    found = read_environment(environ)
    if not found.given and not found.problems:
        return None, None
    try:
        loaded = read_settings(None, environ, known_kafka_keys=KNOWN_KEYS)
    except Problems:  # incomplete or wrong: with placeholders, only what is wrong remains
        flags = [flag for flag in _REQUIRED if flag.path not in found.given]
        completed = {KEY_VARIABLE: PLACEHOLDER, **environ}
        return None, read_settings(None, completed, flags, known_kafka_keys=KNOWN_KEYS).settings
    return loaded, loaded.settings
