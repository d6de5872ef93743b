"""Outcomes of all events, which decide about the ones that fail. Pure.

An event that fails for 15 minutes is poison only if nearly all other events succeed meanwhile.
Otherwise FullStory has an outage. Unknown users are skipped only if FullStory knows at least one
user. Otherwise the mapping uses the wrong id, or the key belongs to another organization, and
every event would be skipped.
"""

from bridge.delivery.unknown_users import UnknownUsers

UNKNOWN_USERS_MAX = 200
"""If the first 200 different users are all unknown, the bridge halts."""


class DeliveryStats:
    """One instance for all events of a process, owned by the event loop."""

    def __init__(self) -> None:
        self.accepted = 0
        """Events that FullStory accepted since the start."""

        self.failing = 0
        """Events that failed at least once and are still being retried."""

        self.unknown_users = UnknownUsers()
        self._unknown: set[str] = set()

    @property
    def is_any_user_known(self) -> bool:
        """Whether FullStory knew at least one user since the start."""
        return self.accepted > 0

    @property
    def are_all_users_unknown(self) -> bool:
        """Whether `UNKNOWN_USERS_MAX` different users were unknown and none was known."""
        return len(self._unknown) >= UNKNOWN_USERS_MAX

    def accept(self) -> None:
        """Count an accepted event; its user is known."""
        self.accepted += 1
        self._unknown.clear()

    def add_unknown(self, user: str) -> None:
        """Remember an unknown user, but only until FullStory knows one."""
        if not self.accepted and len(self._unknown) < UNKNOWN_USERS_MAX:
            self._unknown.add(user)
