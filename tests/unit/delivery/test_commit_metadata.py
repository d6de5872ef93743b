"""The commit's metadata: what every release wrote is read, and nothing else is believed."""

import json
import random
from pathlib import Path

import pytest

from bridge.delivery.commit_metadata import (
    CommitMetadata,
    UnreadableMetadata,
    decode,
    encode,
)

WRITTEN = [
    sample
    for file in sorted((Path(__file__).parents[2] / "cases" / "metadata").glob("*.json"))
    for sample in json.loads(file.read_text())
]


@pytest.mark.parametrize("sample", WRITTEN)
def test_what_a_release_wrote_is_read_for_ever(sample: dict[str, object]) -> None:
    """The samples of every format stay readable, and this release writes the newest the same."""
    base, count = int(str(sample["base"])), int(str(sample["partitions_at_start"]))
    settled = tuple((run[0], run[1]) for run in sample["settled"])  # type: ignore[attr-defined]
    topic_id: int | None = sample.get("topic_id")  # type: ignore[assignment]

    assert decode(str(sample["metadata"]), base) == CommitMetadata(base, count, settled, topic_id)
    assert encode(base, count, settled, topic_id) == sample["metadata"]


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "",
        "fs1.AAAA.",
        "some words",
        "eyJhIjoxfQ==",
        "fsb1",
        "fsb1.AAA",
        "\x00\x01",
        "fsb.A.",
        "fsb1.!.",
    ],
)
def test_metadata_of_others_lists_nothing(metadata: str | None) -> None:
    """Another library's metadata, or none, is no reason to stop and no reason to skip."""
    assert decode(metadata, 5) is None


def test_metadata_of_another_base_lists_nothing() -> None:
    """An operator who moves the offset is obeyed."""
    assert decode(encode(5, 1, [(6, 9)]), 4) is None


def test_garbage_behind_the_closing_dot_is_overlooked() -> None:
    """One client reads what lay in memory behind another client's metadata."""
    assert decode(encode(5, 1, [(6, 9)]) + "\x7fgarbage.", 5) == CommitMetadata(5, 1, ((6, 9),))


def test_a_list_says_of_which_topic_it_is_where_that_is_known() -> None:
    """The id has its four bytes, whatever they are; without one it is as it always was."""
    for topic_id in (0, 1, 0xFFFFFFFF):
        metadata = encode(5, 1, [(6, 9)], topic_id)
        assert metadata.startswith("fsb2.")
        assert decode(metadata, 5) == CommitMetadata(5, 1, ((6, 9),), topic_id)
    assert encode(5, 1, [(6, 9)]).startswith("fsb1.")


def test_one_format_is_never_read_as_the_other() -> None:
    """A list without an id is no list with one, though its bytes be whole."""
    for metadata in (encode(5, 1, [(6, 9)]), encode(5, 1, [(6, 9)], 7)):
        other = {"1": "2", "2": "1"}[metadata[3]]
        with pytest.raises(UnreadableMetadata, match="checksum"):
            decode(f"fsb{other}{metadata[4:]}", 5)


@pytest.mark.parametrize(
    "metadata", ["fsb1.AAAA.", "fsb1.A.", "fsb1..", "fsb2.AAAA.", "fsb2..", "fsb3.AAAA."]
)
def test_damaged_metadata_of_ours_is_told(metadata: str) -> None:
    """To ignore it would repeat what it lists, so a person is asked."""
    with pytest.raises(UnreadableMetadata):
        decode(metadata, 0)


def test_no_mutation_is_believed_or_ends_in_another_error() -> None:
    """20,000 texts with a character changed, cut or added: nothing false is ever listed."""
    chance = random.Random(6)
    runs = [(1_001, 2_000), (2_003, 2_500), (9_000, 9_001)]
    for number in range(20_000):
        true = encode(1_000, 4, runs, chance.getrandbits(32) if number % 2 else None)
        listed = decode(true, 1_000)
        place = chance.randrange(len(true))
        other = chr(chance.randrange(32, 127))
        keep = chance.randrange(2)
        text = true[:place] + other * chance.randrange(3) + true[place + keep :]
        try:
            found = decode(text, 1_000)
        except UnreadableMetadata:
            continue
        assert found in (None, listed)
