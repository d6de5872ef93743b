"""What became of the other events: the ground on which one that fails is judged. Pure.

An event that fails for a quarter of an hour is poison only if nearly all others went through
meanwhile; else FullStory is ill. A user who is not known is skipped only if somebody is known;
else the mapping names the wrong id, or the key is another organization's, and every event would
be skipped.
"""

from bridge.delivery.unknown_users import UnknownUsers

UNKNOWN_USERS_MAX = 200
"""When the first so many different users are all unknown, a person must look."""


class DeliveryStats:
    """One for all events of a process; owned by the event loop."""

    def __init__(self) -> None:
        self.accepted = 0
        """Events accepted since the start."""

        self.failing = 0
        """Events that have failed, and are not at their end."""

        self.strangers = UnknownUsers()
        self._unknown: set[str] = set()

    @property
    def is_anybody_known(self) -> bool:
        """Whether FullStory has known one user since the start."""
        return self.accepted > 0

    @property
    def is_nobody_known(self) -> bool:
        """Whether so many different users were unknown, and none known, that it is no accident."""
        return len(self._unknown) >= UNKNOWN_USERS_MAX

    def accept(self) -> None:
        """An event was accepted; its user is known."""
        self.accepted += 1
        self._unknown.clear()

    def unknown(self, user: str) -> None:
        """A user is unknown; remembered only until one is known."""
        if not self.accepted and len(self._unknown) < UNKNOWN_USERS_MAX:
            self._unknown.add(user)
