"""`fullstory-bridge dead-letters`: lists, shows and replays dead letters."""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from bridge.commands.dead_letters.replay import replay
from bridge.commands.dead_letters.selection import (
    Selection,
    dead_letter_topics,
    filter_flags,
    read_dead_letters,
    shown_time,
)
from bridge.commands.dead_letters.show import show
from bridge.commands.shared.command import ExitCodes, config_flag, settings_of
from bridge.commands.shared.output import table
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord

SHOWN = 20
_HEADS = ("FAILED AT", "RECORD", "REASON", "MAPPING", "ATTEMPTS", "DEAD LETTER")


@click.group(name="dead-letters")
def dead_letters() -> None:
    """List, show and replay records that could not be delivered."""


@dead_letters.command(name="list")
@config_flag
@filter_flags
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    default=SHOWN,
    show_default=True,
    help="Show this many of the newest; all are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_dead_letters(
    *,
    config_file: Path | None,
    reasons: tuple[str, ...],
    mappings: tuple[str, ...],
    topics: tuple[str, ...],
    since: float | None,
    until: float | None,
    count: int,
    as_json: bool,
) -> None:
    """List dead letters, and count them by reason and mapping.

    No record values are shown. Dead letters of other consumer groups are only counted. A replayed
    dead letter stays in the topic until the topic's retention deletes it.

    Example: fullstory-bridge dead-letters list --reason missing_uid --since 2026-11-24
    """
    with ExitCodes():
        loaded = settings_of(config_file)
        selected = Selection(reasons, mappings, topics, since, until).filter(loaded)
        found = _Found(selected, count)
        found.add(read_dead_letters(loaded, dead_letter_topics(loaded)))
    for line in [json.dumps(found.as_json(), indent=2)] if as_json else found.lines():
        click.echo(line)


class _Found:
    """The newest dead letters that match the filter, and the number of each kind."""

    def __init__(self, selected: DeadLetterFilter, shown: int) -> None:
        self._selected = selected
        self._shown = shown
        self.newest: list[DeadLetterRecord] = []
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self.others = 0

    def add(self, found: Iterable[DeadLetterRecord]) -> None:
        """Count the dead letters, and keep the newest."""
        # At least 1, because with 0 nlargest would not read the input.
        newest = heapq.nlargest(max(1, self._shown), self._counted(found), key=_age)
        self.newest = newest[: self._shown]

    def _counted(self, found: Iterable[DeadLetterRecord]) -> Iterator[DeadLetterRecord]:
        for dead_letter in found:
            self.others += dead_letter.group != self._selected.group
            if self._selected.matches(dead_letter):
                self.counts[dead_letter.reason, dead_letter.mapping] += 1
                yield dead_letter

    def lines(self) -> Iterator[str]:
        """The text output, newest last."""
        if self.newest:
            yield from table([_HEADS, *map(_row, reversed(self.newest))])
            yield ""
        total = self.counts.total()
        yield f"{total:,} dead letter{'' if total == 1 else 's'}"
        rows = [
            (f"  {number:,}", reason, mapping or "every mapping")
            for (reason, mapping), number in self.counts.most_common()
        ]
        yield from table(rows) if rows else ()
        if self.others:
            yield f"{self.others:,} more of groups other than {self._selected.group}"

    def as_json(self) -> dict[str, object]:
        """The JSON output, newest first."""
        return {
            "dead_letters": self.counts.total(),
            "of_other_groups": self.others,
            "counts": [
                {"reason": reason, "mapping": mapping, "count": number}
                for (reason, mapping), number in self.counts.most_common()
            ],
            "newest": [
                {
                    "failed_at": shown_time(dead_letter.failed_at_s),
                    "record": dead_letter.origin.place,
                    "stage": dead_letter.stage,
                    "reason": dead_letter.reason,
                    "mapping": dead_letter.mapping,
                    "attempts": dead_letter.attempts,
                    "letter": dead_letter.record.place,
                }
                for dead_letter in self.newest
            ],
        }


def _row(dead_letter: DeadLetterRecord) -> tuple[str, ...]:
    return (
        shown_time(dead_letter.failed_at_s),
        dead_letter.origin.place,
        dead_letter.reason,
        dead_letter.mapping or "-",
        str(dead_letter.attempts),
        dead_letter.record.place,
    )


def _age(dead_letter: DeadLetterRecord) -> tuple[float, int, int]:
    return dead_letter.failed_at_s, dead_letter.record.offset, dead_letter.record.partition


dead_letters.add_command(show)
dead_letters.add_command(replay)
