"""The dead letters to replay: those that exist now, minus those already replayed."""

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


def survey_dead_letters(config: Config, selected: DeadLetterFilter) -> ReplayScope:
    """Read the dead-letter topics, which fixes the end and the amount of work.

    Raises:
        SetupError: the dead letters cannot be read.
        Unavailable: Kafka does not answer.
    """
    topics = dead_letter_topics(config.loaded)
    others = _other_filters(config.settings.kafka_config(), selected)
    offsets: Survey = defaultdict(list)
    matched: Survey = defaultdict(list)
    shared: dict[DeadLetterFilter, Survey] = {other: defaultdict(list) for other in others}
    for record in read_records(config.loaded, topics):
        key = record.topic, record.partition
        offsets[key].append(record.offset)
        dead_letter = read_dead_letter(record)
        if dead_letter is None or not selected.matches(dead_letter):
            continue
        matched[key].append(record.offset)
        for other in others:
            if other.matches(dead_letter):
                shared[other][key].append(record.offset)
    replayed = _replayed_by_others(config, shared)
    to_do = {
        key: [offset for offset in candidates if offset not in replayed[key]]
        for key, candidates in matched.items()
    }
    return with_done(config, ReplayScope(selected, topics, offsets, to_do, replayed, {}))


def with_done(config: Config, work: ReplayScope) -> ReplayScope:
    """The work, updated with what replays with this filter have settled."""
    return replace(work, done=_done(config, work.filter, work.offsets))


def _other_filters(
    kafka: Mapping[str, Any], selected: DeadLetterFilter
) -> Sequence[DeadLetterFilter]:
    """The filters of all other replays of the same group's dead letters."""
    try:
        groups = admin.list_groups(kafka)
    except Unavailable as error:
        click.echo(f"{error}: dead letters replayed with other flags are sent again", err=True)
        return []
    found = (selected.of_replay(group) for group in groups)
    return [other for other in found if other not in (None, selected)]


def _replayed_by_others(
    config: Config, shared: Mapping[DeadLetterFilter, Offsets]
) -> Mapping[PartitionKey, set[int]]:
    """The offsets that other replays have matched and settled."""
    settled: dict[PartitionKey, set[int]] = defaultdict(set)
    for other, offsets in shared.items():
        done = _done(config, other, offsets)
        for key, matched in offsets.items():
            settled[key] |= settled_offsets(matched, done.get(key, ()))
    return settled


def _done(
    config: Config, selected: DeadLetterFilter, offsets: Offsets
) -> Mapping[PartitionKey, Sequence[OffsetRange]]:
    if not offsets:
        return {}
    with GroupProgress(config.settings.kafka_config(), selected.replay_group) as progress:
        return progress.settled_ranges(offsets)
