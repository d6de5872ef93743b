"""What there is to replay: the letters that lie there now, less what replays have ended before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from bridge.commands.letters import letter_topics, records
from bridge.delivery.letters import Filter, read_letter
from bridge.delivery.progress import Run
from bridge.errors import Unavailable
from bridge.kafka import admin
from bridge.kafka.holding import Key
from bridge.kafka.settled import Offsets, Settled, among
from bridge.prepared import Prepared
from bridge.replay import Work

Found = dict[Key, list[int]]


def survey(prepared: Prepared, meant: Filter) -> Work:
    """Read what is there: that fixes the end, and tells how much there is to do.

    Raises:
        SetupError: the letters cannot be read.
        Unavailable: Kafka does not answer.
    """
    topics = letter_topics(prepared.loaded)
    others = _others(prepared.settings.kafka_config(), meant)
    offsets: Found = defaultdict(list)
    matched: Found = defaultdict(list)
    shared: dict[Filter, Found] = {other: defaultdict(list) for other in others}
    for record in records(prepared.loaded, topics):
        key = record.topic, record.partition
        offsets[key].append(record.offset)
        letter = read_letter(record)
        if letter is None or not meant.matches(letter):
            continue
        matched[key].append(record.offset)
        for other in others:
            if other.matches(letter):
                shared[other][key].append(record.offset)
    replayed = _ended(prepared, shared)
    to_do = {
        key: [offset for offset in those if offset not in replayed[key]]
        for key, those in matched.items()
    }
    return with_done(prepared, Work(meant, topics, offsets, to_do, replayed, {}))


def with_done(prepared: Prepared, work: Work) -> Work:
    """The same work, and what this filter's own replays have settled of it by now."""
    return replace(work, done=_done(prepared, work.meant, work.offsets))


def _others(kafka: Mapping[str, Any], meant: Filter) -> Sequence[Filter]:
    """The filters of all other replays that there were of the same group's letters."""
    try:
        groups = admin.groups(kafka)
    except Unavailable as error:
        click.echo(f"{error}: what a replay with other flags has sent is sent again", err=True)
        return []
    found = (meant.of_replay(group) for group in groups)
    return [other for other in found if other not in (None, meant)]


def _ended(prepared: Prepared, shared: Mapping[Filter, Offsets]) -> Mapping[Key, set[int]]:
    """The offsets that another replay has matched and settled."""
    ended: dict[Key, set[int]] = defaultdict(set)
    for other, offsets in shared.items():
        done = _done(prepared, other, offsets)
        for key, those in offsets.items():
            ended[key] |= among(those, done.get(key, ()))
    return ended


def _done(prepared: Prepared, meant: Filter, offsets: Offsets) -> Mapping[Key, Sequence[Run]]:
    if not offsets:
        return {}
    with Settled(prepared.settings.kafka_config(), meant.replay_group) as settled:
        return settled.done(offsets)
