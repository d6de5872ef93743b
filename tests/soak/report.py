"""What the soak says: a line every so often, and the tables at the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.soak.lanes import CRASHED, KILLED, LATE_END
from tests.soak.member import Member
from tests.soak.reconciliation import Account, Excuse, Verdict
from tests.soak.timeline import Chronicle, Deed
from tests.soak.watch import Look
from tests.soak.world import SESSION_S
from tests.soak.writer import Writer

LOST = "assignment lost"
_LOST_SEEN_S = 2.0
"""Between what ended an assignment and the line in the log of whoever lost it."""


def excuses(deeds: Iterable[Deed], members: Sequence[Member]) -> list[Excuse]:
    """The faults after which something may be repeated, with what their process held."""
    by_name = {member.name: member for member in members}
    found = []
    frozen: defaultdict[str, list[Deed]] = defaultdict(list)
    for deed in deeds:
        if deed.kind in (KILLED, LATE_END, CRASHED):
            held = by_name[deed.who].held(deed.begin_s, deed.end_s)
            found.append(Excuse(deed.kind, deed.who, deed.begin_s, deed.end_s, held))
        elif deed.kind.startswith("bridge SIGSTOP"):
            frozen[deed.who].append(deed)
    for member in members:
        for at_s, event, lost in member.story():
            if event == "lost" and lost:
                found.append(_lost(member, at_s, lost, frozen[member.name]))
    return found


def _lost(member: Member, lost_s: float, lost: frozenset[int], frozen: Iterable[Deed]) -> Excuse:
    """The loss of which a member learned at `lost_s`: since when it may have been so, of what.

    A frozen one may say so before the deed is noted that woke it. All that it held when it fell
    silent was lost, though a rebalance that was under way then makes some of it a revoke.
    """
    end_s = lost_s + _LOST_SEEN_S
    for deed in frozen:
        if deed.begin_s < lost_s < deed.end_s + SESSION_S:
            held = lost | member.held(deed.begin_s, deed.begin_s)
            return Excuse(LOST, member.name, deed.begin_s, end_s, held)
    return Excuse(LOST, member.name, lost_s - SESSION_S, end_s, lost)


def progress(
    minute: float, writer: Writer, account: Account, chronicle: Chronicle, looks: Mapping[str, Look]
) -> str:
    """One line: how far it is, and how everybody is."""
    deeds, now = chronicle.deeds(), chronicle.now()
    kills = sum(deed.kind == KILLED for deed in deeds)
    distinct = account.accepted - len(account.again)
    to_come = max(0, writer.acknowledged - distinct)
    memory = " ".join(f"{_short(name)}={one}" for name, one in sorted(looks.items()))
    return (
        f"{minute:5.1f} min {writer.written:>8} written {writer.acknowledged:>8} in Kafka "
        f"{distinct:>8} arrived {to_come:>6} to come {len(account.again):>5} twice "
        f"{len(deeds):>4} faults {kills:>3} kills  {memory}  {f'[{now}]' if now else ''}"
    )


def _short(name: str) -> str:
    return "".join(part[0] if part.isalpha() else part for part in name.split())


def faults(deeds: Sequence[Deed], verdict: Verdict) -> list[str]:
    """A table: kind of fault, how often, how many events it repeated, the most at once."""
    counts = Counter(deed.kind for deed in deeds)
    repeated: defaultdict[str, list[int]] = defaultdict(list)
    for excuse, count in verdict.by_excuse:
        repeated[excuse.kind].append(count)
    counts[LOST] = len(repeated[LOST])
    said = [f"{'fault':<36}{'times':>6}{'events twice':>14}{'most at once':>14}"]
    for kind in sorted(counts):
        came = repeated[kind]
        figures = f"{sum(came):>14}{max(came, default=0):>14}" if came else f"{0:>14}{0:>14}"
        said.append(f"{kind:<36}{counts[kind]:>6}{figures}")
    return said


def per_kill(verdict: Verdict) -> list[str]:
    """How many events each fault repeated that may repeat some, one by one."""
    said = []
    for kind in (KILLED, LOST, LATE_END, CRASHED):
        counts = [count for excuse, count in verdict.by_excuse if excuse.kind == kind]
        if counts:
            said.append(f"twice after each {kind}: {' '.join(map(str, counts))}")
    return said


def broken(verdict: Verdict, writer: Writer, deeds: Sequence[Deed]) -> list[str]:
    """What was not kept, with the place and what went on then."""
    said = [
        f"LOST: record {number} of partition {writer.partition_of[number]}"
        for number in verdict.lost[:20]
    ]
    for twice in verdict.unexplained[:20]:
        went_on = [
            f"{deed.kind} {deed.who} {deed.begin_s - twice.first_s:+.1f}…"
            f"{deed.end_s - twice.first_s:+.1f} s"
            for deed in deeds
            if deed.begin_s - 5 < twice.again_s and twice.first_s < deed.end_s + 5
        ]
        said.append(
            f"TWICE without a reason: record {twice.number} of partition {twice.partition}, "
            f"again after {twice.again_s - twice.first_s:.1f} s ({twice.first_s:.1f}); "
            + "; ".join(went_on)
        )
    said += [f"STRANGE: nobody wrote {number}" for number in verdict.strange[:20]]
    return said
