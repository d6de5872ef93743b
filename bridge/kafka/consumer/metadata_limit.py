"""How much of what is settled above a committed offset the broker lets its metadata list.

Invariants:
- A broker says what it takes (`offset.metadata.max.bytes`, 4,096 characters unless set) only by
  refusing more. So a commit that is filled up to the most we ever write asks it, before there is
  anything to list; each refusal halves what is asked for. Until one was accepted, nothing counts
  as listed.
- One partition of a commit is filled up, not all: together they must fit into one message.
- What the list has no room for is counted: a crash repeats it.
"""

from dataclasses import dataclass

from bridge.delivery.commit_metadata import METADATA_CHARACTERS_MAX

_CHARACTERS_MIN = 32
"""Less does not even hold an offset and the number of partitions: then nothing is written."""

_SPARE = 100
"""Characters kept free, since a window that is just full still takes a record now and then."""


@dataclass(slots=True)
class MetadataLimit:
    """What the broker takes beside an offset, as far as it is known."""

    characters_max: int = METADATA_CHARACTERS_MAX
    """What is written at most: what the broker took, or what it is asked for next."""

    known: bool = False
    """Whether the broker has taken so much."""

    @property
    def shortened(self) -> bool:
        """Whether the broker takes less than we would write."""
        return self.characters_max < METADATA_CHARACTERS_MAX

    @property
    def is_usual(self) -> bool:
        """Whether the broker is known to take all that we would write."""
        return self.known and not self.shortened

    def asking(self, metadata: str) -> str:
        """The metadata of one partition, filled up while it is not known what the broker takes."""
        return metadata if self.known or not metadata else metadata.ljust(self.characters_max)

    def accepted(self, characters_max: int) -> None:
        """The broker took a commit made with this bound."""
        self.known |= characters_max == self.characters_max

    def refused(self, characters_max: int) -> None:
        """A commit made with this bound was too long for the broker."""
        if characters_max != self.characters_max:
            return
        half = characters_max // 2
        self.characters_max = half if half >= _CHARACTERS_MIN else 0

    def room(self, characters: int, may_lengthen: int) -> int:
        """How many more records may be taken so that the list of a partition is sure to fit.

        `characters` is the length of its last list, `may_lengthen` how many records may add a
        byte to it: so they do when every second of them is settled.
        """
        return (self.characters_max - _SPARE - characters) * 3 // 4 - may_lengthen
