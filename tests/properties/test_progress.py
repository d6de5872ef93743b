"""Progress against a model of a few lines, under anything that may happen to a partition."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.progress import Progress
from bridge.delivery.runs import decode, encode


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
        st.tuples(st.just("settle"), st.integers(0, 30)),
        st.just(("crash", 0)),
        st.just(("forget", 0)),
    ),
    max_size=120,
)


@given(gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60), steps=STEPS)
def test_nothing_unsettled_is_ever_committed_or_listed(gaps: list[int], steps: list[Step]) -> None:
    """Polls, settles in any order, crashes with and without the metadata: the law holds."""
    log = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    model, progress = Model(log), Progress(0)
    under_way: list[int] = []
    for step, choice in steps:
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
            cut = progress.cut()
            listed = decode(encode(cut.offset, 1, cut.settled_above), cut.offset)
            assert listed is not None
            assert listed.settled == cut.settled_above
            kept = listed.settled if step == "crash" else ()
            progress, under_way = Progress(cut.offset, settled=kept), []
        cut = progress.cut()
        above = {o for start, end in cut.settled_above for o in range(start, end)}
        assert model.safe(cut.offset, above)
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

    cut = progress.cut()
    again = Progress(cut.offset, settled=cut.settled_above)

    rest = [offset for offset in log if offset >= cut.offset and again.see(offset)]
    assert rest == [offset for offset in log if offset not in settled]
