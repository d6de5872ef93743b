"""Pauses: what the bridge waits for, what that affects, and the fix.

A pause ends by itself. `Waiting` and `Resumed` carry only the dependency and the reason; scope,
fix and readiness are looked up here.

Invariants: each outage emits one `Waiting` and one `Resumed`, however many records wait. It ends
when the last of them stops waiting. If an outage has several reasons, each emits one `Waiting`.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.observer import Observer, Resumed, Waiting

FULLSTORY: Final = "fullstory"
KAFKA: Final = "kafka"
KAFKA_TOPIC: Final = "kafka topic "
"""Prefix for a single topic as a dependency; the topic's name follows."""

KEY_REFUSED: Final = "key_refused"
WRONG_ORGANIZATION: Final = "wrong_organization"
QUOTA_EXHAUSTED: Final = "quota_used_up"
"""With the two above: the reasons to wait for FullStory other than an outage."""

DEAD_LETTER_TOPIC: Final = "dead-letter topic"
SCHEMA_REGISTRY: Final = "schema registry"

REASONS_MAX = 20
"""The most reasons that one outage reports; further ones are ignored."""


@dataclass(frozen=True, slots=True)
class PauseEffect:
    """What a pause affects, the fix, and whether the bridge still counts as ready.

    It is not ready only if somebody must fix this deployment before events are sent. If outages
    counted as not ready, a rollout would never finish during one.
    """

    scope: str
    fix: str
    ready: bool = True


_OUTAGE: Final = PauseEffect(
    "everything",
    "no action needed: the bridge probes FullStory once a second and resumes when it responds;"
    " if FullStory responds elsewhere, check the network path (DNS, proxy, firewall)",
)
_FULLSTORY_REASONS: Final = {
    KEY_REFUSED: PauseEffect(
        "everything",
        "set `fullstory.key` to a key that may write events: a key renewed in its file is used"
        " without a restart, any other key needs one",
        ready=False,
    ),
    WRONG_ORGANIZATION: PauseEffect(
        "everything",
        "the key belongs to an organization other than `fullstory.org`: write a key of"
        " `fullstory.org` to the key file; it is used without a restart",
        ready=False,
    ),
    QUOTA_EXHAUSTED: PauseEffect(
        "everything",
        "this month's quota of server events is used up: ask FullStory to raise it, or wait for"
        " next month; the bridge checks it once a minute",
    ),
}
_REASONS: Final = {
    KAFKA: PauseEffect(
        "everything",
        "no action needed if the brokers are restarting; otherwise check the brokers,"
        " `kafka.bootstrap.servers`, TLS and credentials",
    ),
    DEAD_LETTER_TOPIC: PauseEffect(
        "records that become dead letters",
        "check that the topic exists, that the bridge may write to it, and that its"
        " max.message.bytes allows the record",
    ),
    SCHEMA_REGISTRY: PauseEffect(
        "records whose schema is not cached yet",
        "check that the registry responds at `avro.registry.url` and accepts the bridge's"
        " credentials",
    ),
}
_TOPIC_FIX: Final = "check that the topic exists and that the group may read it"
_UNKNOWN: Final = PauseEffect("everything", "check the dependency that the bridge waits for")


def effect_of(component: str, why: str) -> PauseEffect:
    """Scope, fix and readiness of a wait for the dependency `component` because of `why`."""
    if component == FULLSTORY:
        return _FULLSTORY_REASONS.get(why, _OUTAGE)
    if component.startswith(KAFKA_TOPIC):
        return PauseEffect(f"the topic {component.removeprefix(KAFKA_TOPIC)}", _TOPIC_FIX)
    return _REASONS.get(component, _UNKNOWN)


class Outage:
    """The outages of one dependency, reported once for all its waiters."""

    def __init__(self, component: str, observer: Observer) -> None:
        self._component = component
        self._observer = observer
        self._waiters: set[Hashable] = set()
        self._reported: set[str] = set()

    def begin_wait(self, why: str, waiter: Hashable = None) -> None:
        """Register that `waiter` waits because of `why`; may be called after each try."""
        self._waiters.add(waiter)
        if why not in self._reported and len(self._reported) < REASONS_MAX:
            self._reported.add(why)
            self._observer.notify(Waiting(self._component, why))

    def over(self, waiter: Hashable = None) -> None:
        """Register that `waiter` stopped waiting; does nothing if it did not wait."""
        if waiter not in self._waiters:
            return
        self._waiters.remove(waiter)
        if not self._waiters:
            self._reported.clear()
            self._observer.notify(Resumed(self._component))

    @contextmanager
    def track_wait(self, waiter: Hashable) -> Iterator[None]:
        """End the wait of `waiter` after the block; not if canceled, since the process ends."""
        try:
            yield
        except Exception:
            self.over(waiter)
            raise
        self.over(waiter)
