"""Users whom FullStory does not know yet: how many events wait for one, and how often it helps.

Pure. A user identifies in the browser, and FullStory hears of it a little later than of the event;
so an event of an unknown user is tried once more after a while. Most unknown users never had a
session. Where a company has many of those, their events would fill the window of work, and hold
up all the others for a second try that hardly ever succeeds.

Invariants:
- As long as few events wait, each is tried once more.
- When many do, and the second try has been seen to be in vain, no more are made to wait.
"""

from collections import deque
from typing import Final

JUDGED_FROM: Final = 100
"""Fewer second tries say nothing."""

OF_LAST: Final = 500
KNOWN_SHARE_MIN: Final = 0.01


class UnknownUsers:
    """One for all events of a process; owned by the event loop."""

    def __init__(self) -> None:
        self.waiting = 0
        """Events that wait for their second try."""

        self._were_known: deque[bool] = deque(maxlen=OF_LAST)

    def retried(self, *, known: bool) -> None:
        """A second try has said whether the user is known by now."""
        self._were_known.append(known)

    def should_settle_now(self, waiting_max: int) -> bool:
        """Whether one more event is better not made to wait."""
        tries = len(self._were_known)
        if self.waiting < waiting_max or tries < JUDGED_FROM:
            return False
        return sum(self._were_known) < KNOWN_SHARE_MIN * tries
