"""The settings that affect mappings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Options:
    """The selected API, the key of `hmac-sha256`, the settings' never-send globs and topic names.

    `topic_names` maps the names in mapping files to Kafka's, for topics that have two names.
    Invariants: the key is never shown.
    """

    api: Literal["v1", "v2"] = "v1"
    hash_key: bytes | None = None
    never_send: Sequence[str] = ()
    topic_names: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Options(api={self.api!r}, hash_key={'***' if self.hash_key else None})"


NO_OPTIONS: Final = Options()
"""The defaults."""
