"""Facts reach the observers that listen to them."""

from typing import ClassVar

from bridge.observer import Committed, Draining, Fact, ObserverGroup


class _Everything:
    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def notify(self, fact: Fact) -> None:
        """Keep the fact."""
        self.facts.append(fact)


class _DrainingOnly(_Everything):
    listens_to: ClassVar[tuple[type[Fact], ...]] = (Draining,)


def test_an_observer_that_declares_kinds_of_facts_receives_no_others() -> None:
    """Also inside a group of groups; without a declaration it receives everything."""
    every, draining, nested = _Everything(), _DrainingOnly(), _DrainingOnly()
    group = ObserverGroup(every, draining, ObserverGroup(nested))

    for fact in (Committed(()), Draining()):
        group.notify(fact)

    assert every.facts == [Committed(()), Draining()]
    assert draining.facts == nested.facts == [Draining()]
