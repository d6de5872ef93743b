"""How many characters of commit metadata the broker accepts.

Invariants:
- A broker reveals its limit (`offset.metadata.max.bytes`, 4,096 characters by default) only by
  refusing more. So the first commit is padded to the most that we ever write, before there is
  anything to list. Each refusal halves the size. Until a size is accepted, nothing counts as
  listed.
- Only one partition of a commit is padded, because all of them must fit into one message.
- Settled events whose ranges do not fit into the metadata are counted: a crash repeats them.
"""

from dataclasses import dataclass

from bridge.delivery.commit_metadata import METADATA_CHARACTERS_MAX

_CHARACTERS_MIN = 32
"""Below this, an offset and the partition count do not fit, so no metadata is written."""

_RESERVED_CHARACTERS = 100
"""Characters kept free, because a window that is just full still accepts an occasional record."""


@dataclass(slots=True)
class MetadataLimit:
    """The number of metadata characters that the broker accepts, as far as it is known."""

    characters_max: int = METADATA_CHARACTERS_MAX
    """The most that is written: the accepted size, or the size to try next."""

    known: bool = False
    """Whether the broker has accepted this size."""

    @property
    def is_reduced(self) -> bool:
        """Whether the broker accepts less than we would write."""
        return self.characters_max < METADATA_CHARACTERS_MAX

    @property
    def is_unrestricted(self) -> bool:
        """Whether the broker is known to accept all that we would write."""
        return self.known and not self.is_reduced

    def pad_for_probe(self, metadata: str) -> str:
        """One partition's metadata, padded as long as the broker's limit is unknown."""
        return metadata if self.known or not metadata else metadata.ljust(self.characters_max)

    def accepted(self, characters_max: int) -> None:
        """The broker accepted a commit that was made with this limit."""
        self.known |= characters_max == self.characters_max

    def refused(self, characters_max: int) -> None:
        """The broker refused a commit that was made with this limit: it was too long."""
        if characters_max != self.characters_max:
            return
        half = characters_max // 2
        self.characters_max = half if half >= _CHARACTERS_MIN else 0

    def remaining_records(self, metadata_characters: int, max_growth: int) -> int:
        """How many more records can be polled so that the partition's metadata is certain to fit.

        `metadata_characters` is the size of its last metadata. `max_growth` is how many bytes the
        unsettled records may add: one each, if every second record is settled.
        """
        free_characters = self.characters_max - _RESERVED_CHARACTERS - metadata_characters
        return free_characters * 3 // 4 - max_growth
