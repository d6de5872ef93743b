"""Reduces the mappings of a dead letter's topic to the one that rejected the record."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bridge import ports
from bridge.delivery.dead_letter import MAPPING
from bridge.delivery.decode_failures import FormatGuess
from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import MappingRejected, Outcome
from bridge.records import Record

MAPPING_GONE = "mapping_gone"
"""The reason of a dead letter whose mapping no longer exists."""


class SelectedMapping:
    """The mappings of a topic, reduced to the one that rejected the record.

    If the record failed before it was mapped, all of them apply.
    """

    def __init__(self, plan: ports.Mapper, known: Callable[[str], Sequence[str]]) -> None:
        self._plan = plan
        self._known = known

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """Map the record of a dead letter; raises PoisonRecord if no mapping reads its topic."""
        known = self._known(record.topic)
        rejected_by = dict(record.headers).get(MAPPING)
        name = None if rejected_by is None else rejected_by.decode("utf-8", "replace")
        if name is not None and name not in known:
            message = f"no mapping of this name reads {record.topic}"
            return [MappingRejected(name, MAPPING_GONE, message)]
        if not known:
            message = f"no mapping reads {record.topic}"
            raise PoisonRecord(message, stage="map", reason=MAPPING_GONE)
        outcomes = self._plan.map(record, value, record_name)
        return [_without_halt(outcome) for outcome in outcomes if name in (None, outcome.mapping)]


def _without_halt(outcome: Outcome) -> Outcome:
    """Replace a halt by a rejection: the dead letter is written again and stays in the topic."""
    return replace(outcome, halt=False) if isinstance(outcome, MappingRejected) else outcome


class SelectedMappingDecoder:
    """A decoder that wraps the mappings of each value in `SelectedMapping`."""

    def __init__(self, decoder: ports.Decoder, known: Callable[[str], Sequence[str]]) -> None:
        self._decoder = decoder
        self._known = known

    def decode(self, record: Record) -> ports.Decoded | None:
        """Return the value; None if `prepare` must fetch its schema first."""
        decoded = self._decoder.decode(record)
        return (
            None
            if decoded is None
            else _Decoded(decoded, SelectedMapping(decoded.compiled, self._known))
        )

    async def prepare(self, record: Record) -> None:
        """Fetch the schema that `decode` needs."""
        await self._decoder.prepare(record)

    def guess_format(self, record: Record) -> FormatGuess:
        """Say what the value of a record that cannot be decoded looks like."""
        return self._decoder.guess_format(record)


class _Decoded:
    def __init__(self, decoded: ports.Decoded, compiled: ports.Mapper) -> None:
        self.compiled = compiled
        self.value = decoded.value
        self.record_name = decoded.record_name
