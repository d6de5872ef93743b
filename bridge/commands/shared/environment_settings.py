"""The settings in environment variables alone, for commands that run without a settings file.

Invariants: a command sees the same settings as `run`. A container often has some of them only, so
the required ones that are missing get placeholders; such settings are never used for a connection.
"""

import glob
from collections.abc import Mapping
from typing import Final

from bridge.documents.problems import Problems
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.settings.load import Flag, Loaded, read_settings
from bridge.settings.model import Settings
from bridge.settings.sources.environment import KEY_VARIABLE, read_environment

PLACEHOLDER: Final = "made-up"
_REQUIRED: Final = (
    Flag("placeholder", ("kafka", "bootstrap.servers"), PLACEHOLDER),
    Flag("placeholder", ("kafka", "group.id"), PLACEHOLDER),
    Flag("placeholder", ("mappings",), [glob.escape(__file__)]),
    Flag("placeholder", ("avro", "registry", "url"), "http://localhost"),
)


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
