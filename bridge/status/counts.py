"""How much of everything has happened since the start."""

from collections import Counter

from bridge.observer import (
    Answered,
    DeadLettered,
    Delivered,
    Fact,
    Filtered,
    Polled,
    Resumed,
    Retrying,
    Skipped,
    Waiting,
)


class Counts:
    """An observer that counts; read from any thread, at any time."""

    def __init__(self) -> None:
        self.polled = 0
        self.delivered = 0
        self.filtered = 0
        self.dead_lettered: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.retries: Counter[str] = Counter()
        self.waiting_for: dict[str, str] = {}

    def tell(self, fact: Fact) -> None:
        """Count a fact."""
        match fact:
            case Polled(records):
                self.polled += records
            case Filtered():
                self.filtered += 1
            case Delivered():
                self.delivered += 1
            case Skipped(_, why):
                self.skipped[why] += 1
            case DeadLettered(_, _, reason):
                self.dead_lettered[reason] += 1
            case Answered(status):
                self.answers[status] += 1
            case Retrying(_, why):
                self.retries[why] += 1
            case Waiting(what, why):
                self.waiting_for[what] = why
            case Resumed(what):
                self.waiting_for.pop(what, None)
            case _:
                pass
