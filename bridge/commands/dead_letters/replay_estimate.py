"""What there is to replay: the letters that lie there now, less what replays have ended before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from bridge.app.config import Config
from bridge.app.replay import ReplayScope
from bridge.commands.dead_letters.selection import dead_letter_topics, read_records
from bridge.delivery.dead_letter_reader import DeadLetterFilter, read_dead_letter
from bridge.delivery.progress import OffsetRange
from bridge.errors import Unavailable
from bridge.kafka import admin
from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.group_progress import GroupProgress, Offsets, settled_offsets

Survey = dict[PartitionKey, list[int]]


def survey_dead_letters(config: Config, meant: DeadLetterFilter) -> ReplayScope:
    """Read what is there: that fixes the end, and tells how much there is to do.

    Raises:
        SetupError: the letters cannot be read.
        Unavailable: Kafka does not answer.
    """
    topics = dead_letter_topics(config.loaded)
    others = _others(config.settings.kafka_config(), meant)
    offsets: Survey = defaultdict(list)
    matched: Survey = defaultdict(list)
    shared: dict[DeadLetterFilter, Survey] = {other: defaultdict(list) for other in others}
    for record in read_records(config.loaded, topics):
        key = record.topic, record.partition
        offsets[key].append(record.offset)
        letter = read_dead_letter(record)
        if letter is None or not meant.matches(letter):
            continue
        matched[key].append(record.offset)
        for other in others:
            if other.matches(letter):
                shared[other][key].append(record.offset)
    replayed = _ended(config, shared)
    to_do = {
        key: [offset for offset in those if offset not in replayed[key]]
        for key, those in matched.items()
    }
    return with_done(config, ReplayScope(meant, topics, offsets, to_do, replayed, {}))


def with_done(config: Config, work: ReplayScope) -> ReplayScope:
    """The same work, and what this filter's own replays have settled of it by now."""
    return replace(work, done=_done(config, work.filter, work.offsets))


def _others(kafka: Mapping[str, Any], meant: DeadLetterFilter) -> Sequence[DeadLetterFilter]:
    """The filters of all other replays that there were of the same group's letters."""
    try:
        groups = admin.list_groups(kafka)
    except Unavailable as error:
        click.echo(f"{error}: what a replay with other flags has sent is sent again", err=True)
        return []
    found = (meant.of_replay(group) for group in groups)
    return [other for other in found if other not in (None, meant)]


def _ended(
    config: Config, shared: Mapping[DeadLetterFilter, Offsets]
) -> Mapping[PartitionKey, set[int]]:
    """The offsets that another replay has matched and settled."""
    ended: dict[PartitionKey, set[int]] = defaultdict(set)
    for other, offsets in shared.items():
        done = _done(config, other, offsets)
        for key, those in offsets.items():
            ended[key] |= settled_offsets(those, done.get(key, ()))
    return ended


def _done(
    config: Config, meant: DeadLetterFilter, offsets: Offsets
) -> Mapping[PartitionKey, Sequence[OffsetRange]]:
    if not offsets:
        return {}
    with GroupProgress(config.settings.kafka_config(), meant.replay_group) as settled:
        return settled.settled_ranges(offsets)
