"""Progress against a model of a few lines, under anything that may happen to a partition."""

from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import decode, encode
from bridge.delivery.progress import Progress, merge_ranges


@dataclass
class Model:
    """The log as it is, and what was ever settled: all that the laws speak of."""

    log: list[int]
    settled: set[int] = field(default_factory=set)

    def safe(self, committable: int, above: set[int]) -> bool:
        """Nothing unsettled is before the committed offset, or listed as settled above it."""
        unsettled = [offset for offset in self.log if offset not in self.settled]
        return not any(offset < committable or offset in above for offset in unsettled)


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.just(("poll", 0)),
        st.just(("skip", 0)),
        st.tuples(st.just("settle"), st.integers(0, 30)),
        st.just(("crash", 0)),
        st.just(("forget", 0)),
    ),
    max_size=120,
)


SETTLED_BEHIND_TWO_CRASHES = [
    ("poll", 0),
    ("poll", 0),
    ("settle", 1),
    ("crash", 0),
    ("poll", 0),
    ("settle", 0),
    ("crash", 0),
]
"""The second crash comes when what the metadata lists begins at the committed offset itself."""


@example(gaps=[1, 1, 1], steps=SETTLED_BEHIND_TWO_CRASHES)
@given(gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60), steps=STEPS)
def test_nothing_unsettled_is_ever_committed_or_listed(gaps: list[int], steps: list[Step]) -> None:
    """Polls, settles in any order, crashes with and without the metadata: the law holds.

    What nobody wants is skipped in one step: it counts as settled.
    """
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    model, progress = Model(log), Progress(0)
    under_way: list[int] = []
    for step, choice in steps:
        if step == "skip":
            skipped = next((one for one in log if one >= progress.position), None)
            if skipped is not None:
                progress.skip_to(skipped + 1)
                model.settled.add(skipped)
        if step == "poll":
            offset = next((one for one in log if one >= progress.position), None)
            if offset is not None and progress.see(offset):
                assert offset not in under_way
                under_way.append(offset)
        elif step == "settle" and under_way:
            offset = under_way.pop(choice % len(under_way))
            model.settled.add(offset)
            progress.settle(offset)
        elif step in ("crash", "forget"):
            snapshot = progress.snapshot()
            listed = decode(encode(snapshot.offset, 1, snapshot.settled_above), snapshot.offset)
            assert listed is not None
            assert listed.settled == snapshot.settled_above
            kept = listed.settled if step == "crash" else ()
            progress, under_way = Progress(snapshot.offset, settled=kept), []
        snapshot = progress.snapshot()
        above = {o for start, end in snapshot.settled_above for o in range(start, end)}
        assert model.safe(snapshot.offset, above)
        assert progress.outstanding == len(under_way)


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    choices=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_what_is_settled_is_not_sent_again_after_a_crash(
    gaps: list[int], choices: list[bool]
) -> None:
    """After any part was settled, the next one to hold the partition gets exactly the rest."""
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    progress = Progress(0)
    assert all(progress.see(offset) for offset in log)
    settled = {offset for offset, chosen in zip(log, choices, strict=False) if chosen}
    for offset in settled:
        progress.settle(offset)

    snapshot = progress.snapshot()
    again = Progress(snapshot.offset, settled=snapshot.settled_above)

    rest = [offset for offset in log if offset >= snapshot.offset and again.see(offset)]
    assert rest == [offset for offset in log if offset not in settled]


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=40),
    steps=st.lists(
        st.one_of(
            st.just(("poll", 0)),
            st.tuples(st.just("settle"), st.integers(0, 30)),
            st.just(("commit", 0)),
            st.just(("back", 0)),
            st.just(("elsewhere", 0)),
        ),
        max_size=120,
    ),
)
def test_a_partition_that_comes_back_gives_exactly_what_was_not_settled(
    gaps: list[int], steps: list[Step]
) -> None:
    """Lost and back, with and without another bridge in between: no loss, and no repetition."""
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    model, progress, parked = Model(log), Progress(0), Progress(0)
    commit = progress.snapshot()
    under_way: list[tuple[Progress, int]] = []
    for step, choice in steps:
        if step == "poll":
            offset = next((one for one in log if one >= progress.position), None)
            if offset is not None and progress.see(offset):
                assert offset not in model.settled
                under_way.append((progress, offset))
        elif step == "settle" and under_way:
            holder, offset = under_way.pop(choice % len(under_way))
            model.settled.add(offset)
            holder.settle(offset)
        elif step == "commit":
            commit = progress.snapshot()
        elif step in ("back", "elsewhere"):
            under_way = [one for one in under_way if one[0] is progress and step == "back"]
            for holder, offset in under_way:  # waited for, before it is read again
                model.settled.add(offset)
                holder.settle(offset)
            under_way, parked = [], progress
            if step == "elsewhere":
                other = Progress(commit.offset, settled=commit.settled_above)
                first = next((one for one in log if one >= other.position), None)
                if first is not None and other.see(first):
                    other.settle(first)
                    model.settled.add(first)
                commit = other.snapshot()
            known = merge_ranges([*commit.settled_above, *parked.settled_from(commit.offset)])
            progress = Progress(commit.offset, settled=known)
        snapshot = progress.snapshot()
        above = {o for start, end in snapshot.settled_above for o in range(start, end)}
        assert model.safe(snapshot.offset, above)


@given(fates=st.lists(st.sampled_from(["skipped", "delivered", "stuck"]), max_size=60))
def test_of_a_halted_partition_only_what_was_delivered_is_listed(fates: list[str]) -> None:
    """What a filter left out is looked at again once the mapping was changed."""
    progress = Progress(0)
    for offset, fate in enumerate(fates):
        if fate == "skipped":
            progress.skip_to(offset + 1)
        else:
            assert progress.see(offset)
    for offset, fate in enumerate(fates):
        if fate == "delivered":
            progress.settle(offset, 1)
    snapshot = progress.snapshot(skipped=False)
    listed = {o for start, end in snapshot.settled_above for o in range(start, end)}
    stuck = [offset for offset, fate in enumerate(fates) if fate == "stuck"]
    assert snapshot.offset == (stuck[0] if stuck else len(fates))
    delivered = {offset for offset, fate in enumerate(fates) if fate == "delivered"}
    assert listed == {offset for offset in delivered if offset > snapshot.offset}
    all_above = {o for start, end in progress.snapshot().settled_above for o in range(start, end)}
    assert all_above == set(range(snapshot.offset, len(fates))) - set(stuck)
