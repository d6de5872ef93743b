"""Progress against a small model, under any sequence of events of a partition."""

from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import decode, encode
from bridge.delivery.progress import Progress, merge_ranges


@dataclass
class Model:
    """The log, and every offset that was ever settled; the invariants depend on nothing else."""

    log: list[int]
    settled: set[int] = field(default_factory=set)

    def is_safe(self, committable: int, above: set[int]) -> bool:
        """No unsettled offset is before the committed offset or listed as settled above it."""
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


SETTLED_AFTER_TWO_CRASHES = [
    ("poll", 0),
    ("poll", 0),
    ("settle", 1),
    ("crash", 0),
    ("poll", 0),
    ("settle", 0),
    ("crash", 0),
]
"""The second crash occurs when the ranges in the metadata begin at the committed offset itself."""


@example(gaps=[1, 1, 1], steps=SETTLED_AFTER_TWO_CRASHES)
@given(gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60), steps=STEPS)
def test_no_unsettled_offset_is_ever_committed_or_listed(
    gaps: list[int], steps: list[Step]
) -> None:
    """Polls, settles in any order, crashes with and without the metadata: the invariant holds.

    Skipped records count as settled.
    """
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    model, progress = Model(log), Progress(0)
    in_flight: list[int] = []
    for step, choice in steps:
        if step == "skip":
            skipped = next((one for one in log if one >= progress.position), None)
            if skipped is not None:
                progress.skip_to(skipped + 1)
                model.settled.add(skipped)
        if step == "poll":
            offset = next((one for one in log if one >= progress.position), None)
            if offset is not None and progress.track(offset):
                assert offset not in in_flight
                in_flight.append(offset)
        elif step == "settle" and in_flight:
            offset = in_flight.pop(choice % len(in_flight))
            model.settled.add(offset)
            progress.settle(offset)
        elif step in ("crash", "forget"):
            snapshot = progress.snapshot()
            listed = decode(encode(snapshot.offset, 1, snapshot.settled_above), snapshot.offset)
            assert listed is not None
            assert listed.settled == snapshot.settled_above
            kept = listed.settled if step == "crash" else ()
            progress, in_flight = Progress(snapshot.offset, settled=kept), []
        snapshot = progress.snapshot()
        above = {o for start, end in snapshot.settled_above for o in range(start, end)}
        assert model.is_safe(snapshot.offset, above)
        assert progress.outstanding == len(in_flight)


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    choices=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_settled_records_are_not_sent_again_after_a_crash(
    gaps: list[int], choices: list[bool]
) -> None:
    """After any subset was settled, the next owner of the partition gets exactly the rest."""
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    progress = Progress(0)
    assert all(progress.track(offset) for offset in log)
    settled = {offset for offset, chosen in zip(log, choices, strict=False) if chosen}
    for offset in settled:
        progress.settle(offset)

    snapshot = progress.snapshot()
    again = Progress(snapshot.offset, settled=snapshot.settled_above)

    rest = [offset for offset in log if offset >= snapshot.offset and again.track(offset)]
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
def test_a_partition_that_comes_back_returns_exactly_the_unsettled_records(
    gaps: list[int], steps: list[Step]
) -> None:
    """Lost and assigned again, with or without another bridge in between: no loss, no duplicate."""
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    model, progress, former = Model(log), Progress(0), Progress(0)
    commit = progress.snapshot()
    in_flight: list[tuple[Progress, int]] = []
    for step, choice in steps:
        if step == "poll":
            offset = next((one for one in log if one >= progress.position), None)
            if offset is not None and progress.track(offset):
                assert offset not in model.settled
                in_flight.append((progress, offset))
        elif step == "settle" and in_flight:
            holder, offset = in_flight.pop(choice % len(in_flight))
            model.settled.add(offset)
            holder.settle(offset)
        elif step == "commit":
            commit = progress.snapshot()
        elif step in ("back", "elsewhere"):
            in_flight = [one for one in in_flight if one[0] is progress and step == "back"]
            for holder, offset in in_flight:  # drained before the partition is read again
                model.settled.add(offset)
                holder.settle(offset)
            in_flight, former = [], progress
            if step == "elsewhere":
                other = Progress(commit.offset, settled=commit.settled_above)
                first = next((one for one in log if one >= other.position), None)
                if first is not None and other.track(first):
                    other.settle(first)
                    model.settled.add(first)
                commit = other.snapshot()
            known = merge_ranges([*commit.settled_above, *former.settled_from(commit.offset)])
            progress = Progress(commit.offset, settled=known)
        snapshot = progress.snapshot()
        above = {o for start, end in snapshot.settled_above for o in range(start, end)}
        assert model.is_safe(snapshot.offset, above)


@given(outcomes=st.lists(st.sampled_from(["skipped", "delivered", "stuck"]), max_size=60))
def test_a_halted_partition_lists_only_delivered_records(outcomes: list[str]) -> None:
    """Filtered records are read again after the mapping was changed."""
    progress = Progress(0)
    for offset, outcome in enumerate(outcomes):
        if outcome == "skipped":
            progress.skip_to(offset + 1)
        else:
            assert progress.track(offset)
    for offset, outcome in enumerate(outcomes):
        if outcome == "delivered":
            progress.settle(offset, 1)
    snapshot = progress.snapshot(include_skipped=False)
    listed = {o for start, end in snapshot.settled_above for o in range(start, end)}
    stuck = [offset for offset, outcome in enumerate(outcomes) if outcome == "stuck"]
    assert snapshot.offset == (stuck[0] if stuck else len(outcomes))
    delivered = {offset for offset, outcome in enumerate(outcomes) if outcome == "delivered"}
    assert listed == {offset for offset in delivered if offset > snapshot.offset}
    all_above = {o for start, end in progress.snapshot().settled_above for o in range(start, end)}
    assert all_above == set(range(snapshot.offset, len(outcomes))) - set(stuck)
