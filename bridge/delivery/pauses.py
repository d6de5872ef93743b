"""Why the bridge pauses, what that means for it, and what a person can do meanwhile.

A pause goes on by itself. Each is told as a pair, `Waiting` and `Resumed`; who tells them says
only what is waited for and why, and the rest is looked up here.

Invariants: one pair for one spell, however many records wait; it is over when none of them waits
any more. What is waited for with several reasons is told once for each of them.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.observer import Observer, Resumed, Waiting

FULLSTORY: Final = "fullstory"
KAFKA: Final = "kafka"
KAFKA_TOPIC: Final = "kafka topic "
"""What a topic of its own is waited for by, before its name."""

KEY_REFUSED: Final = "key_refused"
WRONG_ORGANIZATION: Final = "wrong_organization"
QUOTA_EXHAUSTED: Final = "quota_used_up"
"""Why FullStory is waited for, where that is no outage."""

DEAD_LETTER_TOPIC: Final = "dead-letter topic"
SCHEMA_REGISTRY: Final = "schema registry"

REASONS_MAX = 20
"""Different reasons told of one spell; what comes after is more of the same."""


@dataclass(frozen=True, slots=True)
class PauseReason:
    """What stands still meanwhile, the cure, and whether the bridge counts as ready.

    Not ready is only what a person must mend here before anything is sent: in an outage a
    rollout would stall for ever.
    """

    scope: str
    fix: str
    ready: bool = True


_OUTAGE: Final = PauseReason(
    "everything",
    "nothing to do here: FullStory is asked once a second, and all goes on when it answers;"
    " if it answers others, look at the way there (DNS, proxy, firewall)",
)
_OF_FULLSTORY: Final = {
    KEY_REFUSED: PauseReason(
        "everything",
        "give `fullstory.key` a key that may write events: one renewed in its file is taken"
        " without a restart, any other key needs one",
        ready=False,
    ),
    WRONG_ORGANIZATION: PauseReason(
        "everything",
        "the key is one of another organization than `fullstory.org`: put one of that"
        " organization's into the key's file, it is taken without a restart",
        ready=False,
    ),
    QUOTA_EXHAUSTED: PauseReason(
        "everything",
        "the month's quota of server events is used up: raise it with FullStory, or wait for the"
        " next; it is looked up once a minute",
    ),
}
_OF: Final = {
    KAFKA: PauseReason(
        "everything",
        "nothing to do here when the brokers are being restarted; else look at them and at"
        " `kafka.bootstrap.servers`, TLS and credentials",
    ),
    DEAD_LETTER_TOPIC: PauseReason(
        "the records that are to be dead letters",
        "see that the topic is there, that the bridge may write to it, and that its"
        " max.message.bytes lets the record in",
    ),
    SCHEMA_REGISTRY: PauseReason(
        "the records of schemas that are not known yet",
        "see that the registry answers at `avro.registry.url`, and takes the credentials beside it",
    ),
}
_TOPIC_FIX: Final = "see that the topic is there, and that the group may read it"
_UNKNOWN: Final = PauseReason("everything", "see what is waited for")


def reason_for(what: str, why: str) -> PauseReason:
    """What waiting for `what` because of `why` means."""
    if what == FULLSTORY:
        return _OF_FULLSTORY.get(why, _OUTAGE)
    if what.startswith(KAFKA_TOPIC):
        return PauseReason(f"the topic {what.removeprefix(KAFKA_TOPIC)}", _TOPIC_FIX)
    return _OF.get(what, _UNKNOWN)


class Outage:
    """A time in which something is waited for, by one or by many; told once for all of them."""

    def __init__(self, what: str, observer: Observer) -> None:
        self._what = what
        self._observer = observer
        self._waiting: set[Hashable] = set()
        self._told: set[str] = set()

    def waiting_for(self, why: str, who: Hashable = None) -> None:
        """`who` waits, because of `why`; may be said after each try."""
        self._waiting.add(who)
        if why not in self._told and len(self._told) < REASONS_MAX:
            self._told.add(why)
            self._observer.notify(Waiting(self._what, why))

    def over(self, who: Hashable = None) -> None:
        """`who` has what it waited for, or wants it no more; nothing if it did not wait."""
        if who not in self._waiting:
            return
        self._waiting.remove(who)
        if not self._waiting:
            self._told.clear()
            self._observer.notify(Resumed(self._what))

    @contextmanager
    def track_wait(self, who: Hashable) -> Iterator[None]:
        """While the block lasts `who` may wait; cancelled, nothing is told, for all ends then."""
        try:
            yield
        except Exception:
            self.over(who)
            raise
        self.over(who)
