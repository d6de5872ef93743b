"""Dead letters on their way again: after a mapping was mended, in both APIs, interrupted or not."""

import json
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running import COMMAND
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import MAPPING, Town, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(600)]

V2 = {"api": "v2", "unknown_user": "create"}
BROKEN = {**MAPPING["mappings"][0], "uid": "user"}
MENDED = {**MAPPING["mappings"][0], "uid": {"first_of": ["user", "$key"]}}


@dataclass
class Poisoned:
    """A town in which every fourth record names no user, and a bridge that gave these up."""

    town: Town
    config: Path
    poison: list[int]

    def map_with(self, mapping: dict[str, Any]) -> None:
        """Write another mapping."""
        file = self.town.folder / "paid.yaml"
        file.write_text(json.dumps({"format": 1, "mappings": [mapping]}))

    def command(self, *words: str) -> list[str]:
        """A command about dead letters."""
        return [str(COMMAND), "dead-letters", *words, "--config", str(self.config)]

    def told(self, *words: str, code: int = 0) -> str:
        """What such a command prints; it must end with this code."""
        ended = subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == code, ended.stdout + ended.stderr[-2000:]
        return ended.stdout


def _poisoned(town: Town, records: int, api: dict[str, str]) -> Poisoned:
    """Write the records, and let a bridge bring each to its first end.

    It would halt at so much poison; the replays, with the settings that a person has, do not.
    """
    town.settings = {"fullstory": api, "halt": None}
    poison = list(range(0, records, 4))
    town.written = records
    partitions = len(town.kafka.partitions(town.topic))
    for partition in range(partitions):
        numbers = range(partition, records, partitions)
        users = ["" if number % 4 == 0 else f"usr:{number % 97}" for number in numbers]
        values = [encode(town.schema_id, *pair) for pair in zip(numbers, users, strict=True)]
        town.kafka.produce(town.topic, values, partition=partition, key=b"usr:key")
    with town.bridge() as bridge:
        town.wait_until_all_is_committed(120)
        assert bridge.stop() == 0
    town.settings = {"fullstory": api}
    found = Poisoned(town, town.write_settings(), poison)
    good = [number for number in range(records) if number % 4]
    assert town.reconcile(good) == ([], 0)
    return found


def _origins(town: Town) -> Counter[str]:
    """Where the letters' records were first, and how often each is there."""
    found: Counter[str] = Counter()
    for letter in town.kafka.read(town.letters):
        told = {name: value.decode() for name, value in _headers(letter)}
        place = [told[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset")]
        found["/".join(place)] += 1
    return found


def _headers(letter: Any) -> list[tuple[str, bytes]]:
    return letter.headers() or []


@pytest.mark.parametrize(
    ("records", "api"),
    [
        pytest.param(800, {}, id="some-v1", marks=pytest.mark.long),
        pytest.param(800, V2, id="some-v2", marks=pytest.mark.long),
        pytest.param(20_000, {}, id="many-v1", marks=pytest.mark.faults),
        pytest.param(20_000, V2, id="many-v2", marks=pytest.mark.faults),
    ],
)
def test_what_was_rejected_is_delivered_once_after_the_mapping_was_mended(
    kafka: KafkaCluster, found_town: FoundTown, records: int, api: dict[str, str]
) -> None:
    """Each poison record is one dead letter, and then one event; what failed first fails again."""
    # Given a quarter of all records that the mapping rejects
    poisoned = _poisoned(found_town(kafka), records, api)
    town, count = poisoned.town, len(poisoned.poison)
    assert sorted(_origins(town).values()) == [1] * count
    counts = json.loads(poisoned.told("list", "--json", "-n", "0"))["counts"]
    assert counts == [{"reason": "missing_uid", "mapping": "paid", "count": count}]

    # When they are replayed while the mapping is as it was
    again = f"{count:,} read = 0 sent + 0 filtered + {count:,} dead-lettered again"
    assert again in poisoned.told("replay", "--mapping", "paid", code=1)

    # Then each is written once more, as the second attempt at the same record
    assert sorted(_origins(town).values()) == [2] * count
    last = dict(_headers(max(kafka.read(town.letters), key=lambda one: one.offset() or 0)))
    assert last["fullstory_bridge.attempts"] == b"2"

    # When they are replayed after the mapping was mended
    poisoned.map_with(MENDED)
    dry = poisoned.told("replay", "--mapping", "paid", "--dry-run")
    sent = f"{count:,} read = {count:,} sent + 0 filtered + 0 dead-lettered again"
    assert sent in dry
    assert f"price: {count:,} events" in dry
    begun_s = time.monotonic()
    told = poisoned.told("replay", "--mapping", "paid")
    took_s = time.monotonic() - begun_s

    # Then each is one event, and a second replay finds nothing
    assert sent in told
    assert town.reconcile() == ([], 0)
    assert sum(_origins(town).values()) == 2 * count
    assert "nothing to replay" in poisoned.told("replay", "--mapping", "paid")

    # Nor does one with another filter, which matches the same letters
    nothing = f"nothing to replay: {2 * count:,} letters matched by the filter"
    assert nothing in poisoned.told("replay")
    assert town.reconcile() == ([], 0)
    print(f"\n{count} letters replayed in {took_s:.1f} s, start and end included")  # noqa: T201


@pytest.mark.parametrize("api", [{}, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("records", [20_000], ids=["many"])
@pytest.mark.faults
def test_a_replay_that_is_interrupted_goes_on_where_it_was(
    kafka: KafkaCluster,
    found_town: FoundTown,
    records: int,
    how: signal.Signals,
    api: dict[str, str],
) -> None:
    """Stopped in order nothing comes twice; killed, at most what was under way; in v2 nothing."""
    # Given a replay of many letters, of which some are delivered
    poisoned = _poisoned(found_town(kafka), records, api)
    town, count = poisoned.town, len(poisoned.poison)
    poisoned.map_with(MENDED)
    town.fullstory.turn(limit={"rate": count / 5, "burst": 50})
    already = len(town.fullstory.accepted)
    with subprocess.Popen(
        poisoned.command("replay"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_until(
            lambda: len(town.fullstory.accepted) > already + count // 3, "a third delivered", 60
        )

        # When it is interrupted in the middle
        process.send_signal(how)
        told, _ = process.communicate(timeout=60)
    delivered = len(town.fullstory.accepted) - already
    assert delivered < count
    if how is signal.SIGTERM:
        assert process.returncode == 1
        left = re.search(r"stopped with ([\d,]+) letters? left", told)
        assert left is not None
        assert int(left[1].replace(",", "")) == count - delivered

    # Then the same command goes on with the rest
    town.fullstory.turn(limit=None)
    again = poisoned.told("replay")
    lost, twice = town.reconcile()
    assert lost == []
    read = int(again.split(" read")[0].replace(",", ""))
    if how is signal.SIGTERM:
        assert (twice, read) == (0, count - delivered)
    assert twice <= (0 if api else 1000)
    assert read - (count - delivered) <= 1000
    print(  # noqa: T201
        f"\n{how.name}: {delivered} of {count} delivered, then {read} read, {twice} applied twice"
    )
