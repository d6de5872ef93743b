"""`fullstory-bridge dead-letters`: what could not be delivered, and on its way again."""

import heapq
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from bridge.commands.dead_letters.replay import replay
from bridge.commands.dead_letters.selection import (
    Selection,
    config_flag,
    dead_letter_topics,
    filter_flags,
    read_dead_letters,
    settings_of,
    shown_time,
)
from bridge.commands.dead_letters.show import show
from bridge.commands.shared.output import table
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord
from bridge.errors import SetupError, Unavailable

SHOWN = 20
_HEADS = ("FAILED AT", "RECORD", "REASON", "MAPPING", "ATTEMPTS", "LETTER")


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Look at records that could not be delivered, and bring them on their way again."""


@dead_letters.command(name="list")
@config_flag
@filter_flags
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    default=SHOWN,
    show_default=True,
    help="Show so many, the newest; all of them are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def list_letters(
    *,
    file: Path | None,
    reasons: tuple[str, ...],
    mappings: tuple[str, ...],
    topics: tuple[str, ...],
    since: float | None,
    until: float | None,
    count: int,
    as_json: bool,
) -> None:
    """List dead letters, and count them by reason and mapping.

    No value of a record is shown. The letters of other groups are counted, and no more. A letter
    that was replayed stays in the topic, as Kafka's records do, until its retention.

    Example: fullstory-bridge dead-letters list --reason missing_uid --since 2026-11-24
    """
    try:
        loaded = settings_of(file)
        meant = Selection(reasons, mappings, topics, since, until).filter(loaded)
        found = _Found(meant, count)
        found.add(read_dead_letters(loaded, dead_letter_topics(loaded)))
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for line in [json.dumps(found.as_json(), indent=2)] if as_json else found.lines():
        click.echo(line)


class _Found:
    """The newest letters that are meant, and how many there are of each kind."""

    def __init__(self, meant: DeadLetterFilter, shown: int) -> None:
        self._meant = meant
        self._shown = shown
        self.newest: list[DeadLetterRecord] = []
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self.others = 0

    def add(self, found: Iterable[DeadLetterRecord]) -> None:
        """Count letters, and keep the newest."""
        # At least one, or nothing would be read and counted.
        newest = heapq.nlargest(max(1, self._shown), self._counted(found), key=_age)
        self.newest = newest[: self._shown]

    def _counted(self, found: Iterable[DeadLetterRecord]) -> Iterator[DeadLetterRecord]:
        for letter in found:
            self.others += letter.group != self._meant.group
            if self._meant.matches(letter):
                self.counts[letter.reason, letter.mapping] += 1
                yield letter

    def lines(self) -> Iterator[str]:
        """For a person, the newest last."""
        if self.newest:
            yield from table([_HEADS, *(_row(letter) for letter in reversed(self.newest))])
            yield ""
        total = self.counts.total()
        yield f"{total:,} dead letter{'' if total == 1 else 's'}"
        rows = [
            (f"  {number:,}", reason, mapping or "every mapping")
            for (reason, mapping), number in self.counts.most_common()
        ]
        yield from table(rows) if rows else ()
        if self.others:
            yield f"{self.others:,} more of other groups than {self._meant.group}"

    def as_json(self) -> dict[str, object]:
        """For a machine, the newest first."""
        return {
            "dead_letters": self.counts.total(),
            "of_other_groups": self.others,
            "counts": [
                {"reason": reason, "mapping": mapping, "count": number}
                for (reason, mapping), number in self.counts.most_common()
            ],
            "newest": [
                {
                    "failed_at": shown_time(letter.failed_at_s),
                    "record": letter.origin.place,
                    "stage": letter.stage,
                    "reason": letter.reason,
                    "mapping": letter.mapping,
                    "attempts": letter.attempts,
                    "letter": letter.record.place,
                }
                for letter in self.newest
            ],
        }


def _row(letter: DeadLetterRecord) -> tuple[str, ...]:
    return (
        shown_time(letter.failed_at_s),
        letter.origin.place,
        letter.reason,
        letter.mapping or "-",
        str(letter.attempts),
        letter.record.place,
    )


def _age(letter: DeadLetterRecord) -> tuple[float, int, int]:
    return letter.failed_at_s, letter.record.offset, letter.record.partition


dead_letters.add_command(show)
dead_letters.add_command(replay)
