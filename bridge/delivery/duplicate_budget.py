"""The duplicate budget: how many events a crash may repeat; all of its rules in one place.

A crash repeats events that FullStory has received and that no acknowledged commit covers. Three
rules keep their number within `delivery.duplicate_budget`:

- Before a record's first event is sent, the throttle reserves the budget of all its events, and
  frees it once a commit is acknowledged (`DuplicateBudget`, on the event loop). Reserving events
  one at a time could deadlock the budget: first events would fill it, and no record would settle.
- The committer does not wait for its interval if a third of the budget waits for a commit
  (`commit_early_at`).
- If the broker accepts too little metadata, an acknowledged commit omits settled ranges, which a
  crash repeats. Then the poll thread takes no more records than the rest of the budget allows
  (`records_within_budget`). If the throttle limited them, the record that blocks others could
  itself be denied capacity.
"""


class DuplicateBudget:
    """What is reserved of the budget; the event loop owns it."""

    __slots__ = ("_events_max", "reserved")

    def __init__(self, events_max: int) -> None:
        self._events_max = events_max
        self.reserved = 0
        """Events of started records that are not yet in an acknowledged commit."""

    def fits(self, events: int) -> bool:
        """Whether so many events fit; a record with more than the whole budget goes alone."""
        return self.reserved == 0 or self.reserved + events <= self._events_max


def commit_early_at(events_max: int) -> int:
    """How many settled events make a commit due before its interval has passed."""
    return max(1, events_max // 3)


def records_within_budget(events_max: int, repeatable: int, events_per_record_max: int) -> int:
    """How many more records may be taken if a crash already repeats `repeatable` events."""
    return max(0, (events_max - repeatable) // events_per_record_max)
