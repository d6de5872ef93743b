"""Unknown users: how many events wait to be retried, and how often a retry succeeds.

Pure. The browser identifies a user, and FullStory may learn of it shortly after the event. So an
event of an unknown user is retried once after a wait. Most unknown users never had a session, so
most retries fail. Many such events would fill the window of records in flight and hold up others.

Invariants:
- While few events wait, each is retried once.
- If many wait and under 1% of retries succeed, further ones are settled immediately.
"""

from collections import deque
from typing import Final

RETRIES_MIN: Final = 100
"""Fewer retries are too few to judge."""

RETRIES_REMEMBERED: Final = 500
KNOWN_SHARE_MIN: Final = 0.01


class UnknownUsers:
    """One instance for all events of a process, owned by the event loop."""

    def __init__(self) -> None:
        self.waiting = 0
        """Events that wait for their retry."""

        self._were_known: deque[bool] = deque(maxlen=RETRIES_REMEMBERED)

    def retried(self, *, known: bool) -> None:
        """Note whether FullStory knew the user at the retry."""
        self._were_known.append(known)

    def should_settle_now(self, waiting_max: int) -> bool:
        """Whether to settle the next event immediately instead of retrying it."""
        retries = len(self._were_known)
        if self.waiting < waiting_max or retries < RETRIES_MIN:
            return False
        return sum(self._were_known) < KNOWN_SHARE_MIN * retries
