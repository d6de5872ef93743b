"""Replays of dead letters after a mapping is fixed, in both APIs, interrupted or not."""

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
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import MAPPING, ClusterFixture, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(600)]

V2 = {"api": "v2", "unknown_user": "create"}
BROKEN = {**MAPPING["mappings"][0], "uid": "user"}
FIXED = {**MAPPING["mappings"][0], "uid": {"first_of": ["user", "$key"]}}


@dataclass
class DeadLetterCase:
    """A cluster fixture in which every fourth record has no user and is a dead letter."""

    cluster: ClusterFixture
    config: Path
    poison: list[int]

    def map_with(self, mapping: dict[str, Any]) -> None:
        """Replace the mapping."""
        file = self.cluster.folder / "paid.yaml"
        file.write_text(json.dumps({"format": 1, "mappings": [mapping]}))

    def command(self, *words: str) -> list[str]:
        """A `dead-letters` command."""
        return [str(COMMAND), "dead-letters", *words, "--config", str(self.config)]

    def run(self, *words: str, code: int = 0) -> str:
        """Run a `dead-letters` command that must exit with `code`; returns its output."""
        ended = subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == code, ended.stdout + ended.stderr[-2000:]
        return ended.stdout


def _dead_letter_case(cluster: ClusterFixture, records: int, api: dict[str, str]) -> DeadLetterCase:
    """Write the records, and let a bridge settle all of them.

    Its halt is disabled because of the many poison records; the replays use default settings.
    """
    cluster.settings = {"fullstory": api, "halt": None}
    poison = list(range(0, records, 4))
    cluster.written = records
    partitions = len(cluster.kafka.partitions(cluster.topic))
    for partition in range(partitions):
        numbers = range(partition, records, partitions)
        users = ["" if number % 4 == 0 else f"usr:{number % 97}" for number in numbers]
        values = [encode(cluster.schema_id, *pair) for pair in zip(numbers, users, strict=True)]
        cluster.kafka.produce(cluster.topic, values, partition=partition, key=b"usr:key")
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed(120)
        assert bridge.stop() == 0
    cluster.settings = {"fullstory": api}
    found = DeadLetterCase(cluster, cluster.write_settings(), poison)
    good = [number for number in range(records) if number % 4]
    assert cluster.reconcile(good) == ([], 0)
    return found


def _origins(cluster: ClusterFixture) -> Counter[str]:
    """The original positions of the dead letters, with the count of each."""
    found: Counter[str] = Counter()
    for dead_letter in cluster.kafka.read(cluster.dead_letters):
        headers = {name: value.decode() for name, value in _headers(dead_letter)}
        place = [headers[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset")]
        found["/".join(place)] += 1
    return found


def _headers(dead_letter: Any) -> list[tuple[str, bytes]]:
    return dead_letter.headers() or []


@pytest.mark.parametrize(
    ("records", "api"),
    [
        pytest.param(800, {}, id="some-v1", marks=pytest.mark.long),
        pytest.param(800, V2, id="some-v2", marks=pytest.mark.long),
        pytest.param(20_000, {}, id="many-v1", marks=pytest.mark.faults),
        pytest.param(20_000, V2, id="many-v2", marks=pytest.mark.faults),
    ],
)
def test_rejected_records_are_delivered_once_after_the_mapping_is_fixed(
    kafka: KafkaCluster, make_cluster: MakeCluster, records: int, api: dict[str, str]
) -> None:
    """Each poison record is one dead letter and later one event; without the fix it fails again."""
    # Given a mapping that rejects a quarter of all records
    case = _dead_letter_case(make_cluster(kafka), records, api)
    cluster, count = case.cluster, len(case.poison)
    assert sorted(_origins(cluster).values()) == [1] * count
    counts = json.loads(case.run("list", "--json", "-n", "0"))["counts"]
    assert counts == [{"reason": "missing_uid", "mapping": "paid", "count": count}]

    # When they are replayed with the unchanged mapping
    again = f"{count:,} read = 0 sent + 0 filtered + {count:,} dead-lettered again"
    assert again in case.run("replay", "--mapping", "paid", code=1)

    # Then each is dead-lettered once more, as the second attempt at the same record
    assert sorted(_origins(cluster).values()) == [2] * count
    last = dict(_headers(max(kafka.read(cluster.dead_letters), key=lambda one: one.offset() or 0)))
    assert last["fullstory_bridge.attempts"] == b"2"

    # When they are replayed after the mapping is fixed
    case.map_with(FIXED)
    dry = case.run("replay", "--mapping", "paid", "--dry-run")
    sent = f"{count:,} read = {count:,} sent + 0 filtered + 0 dead-lettered again"
    assert sent in dry
    assert f"estimate: {count:,} events" in dry
    begun_s = time.monotonic()
    output = case.run("replay", "--mapping", "paid")
    took_s = time.monotonic() - begun_s

    # Then each one is one event, and a second replay finds nothing
    assert sent in output
    assert cluster.reconcile() == ([], 0)
    assert sum(_origins(cluster).values()) == 2 * count
    assert "nothing to replay" in case.run("replay", "--mapping", "paid")

    # And a replay with another filter that matches the same dead letters finds nothing
    nothing = f"nothing to replay: the filter matches {2 * count:,} dead letters"
    assert nothing in case.run("replay")
    assert cluster.reconcile() == ([], 0)
    print(f"\n{count} dead letters replayed in {took_s:.1f} s")  # noqa: T201


@pytest.mark.parametrize("api", [{}, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("records", [20_000], ids=["many"])
@pytest.mark.faults
def test_an_interrupted_replay_resumes_where_it_stopped(
    kafka: KafkaCluster,
    make_cluster: MakeCluster,
    records: int,
    how: signal.Signals,
    api: dict[str, str],
) -> None:
    """SIGTERM causes no duplicates; SIGKILL repeats only events in flight in v1, and none in v2."""
    # Given a replay of many dead letters, of which some are delivered
    case = _dead_letter_case(make_cluster(kafka), records, api)
    cluster, count = case.cluster, len(case.poison)
    case.map_with(FIXED)
    cluster.fullstory.configure(limit={"rate": count / 5, "burst": 50})
    already = len(cluster.fullstory.accepted)
    with subprocess.Popen(
        case.command("replay"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_until(
            lambda: len(cluster.fullstory.accepted) > already + count // 3, "a third delivered", 60
        )

        # When it is interrupted in the middle
        process.send_signal(how)
        output, _ = process.communicate(timeout=60)
    delivered = len(cluster.fullstory.accepted) - already
    assert delivered < count
    if how is signal.SIGTERM:
        assert process.returncode == 1
        left = re.search(r"stopped with ([\d,]+) dead letters? left", output)
        assert left is not None
        assert int(left[1].replace(",", "")) == count - delivered

    # Then the same command delivers the rest
    cluster.fullstory.configure(limit=None)
    again = case.run("replay")
    lost, duplicates = cluster.reconcile()
    assert lost == []
    read = int(again.split(" read")[0].replace(",", ""))
    if how is signal.SIGTERM:
        assert (duplicates, read) == (0, count - delivered)
    assert duplicates <= (0 if api else 1000)
    assert read - (count - delivered) <= 1000
    print(  # noqa: T201
        f"\n{how.name}: {delivered} of {count} delivered, then {read} read, {duplicates} duplicates"
    )
