"""The output of the soak test: progress lines, and the tables at the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.soak.lanes import CRASHED, DRAIN_TIMEOUT, KILLED
from tests.soak.member import Member
from tests.soak.reconciliation import ArrivalCounts, DuplicateSource, Reconciliation
from tests.soak.records import RecordLog
from tests.soak.timeline import Fault, Timeline
from tests.soak.watch import Usage
from tests.soak.world import SESSION_S

LOST = "assignment lost"
_LOST_SEEN_S = 2.0
"""The maximum time from a lost assignment to its log line."""


def duplicate_sources(faults: Iterable[Fault], members: Sequence[Member]) -> list[DuplicateSource]:
    """The faults that may cause duplicates, with their process's partitions."""
    by_name = {member.name: member for member in members}
    found = []
    frozen: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        if fault.kind in (KILLED, DRAIN_TIMEOUT, CRASHED):
            held = by_name[fault.target].held_partitions(fault.begin_s, fault.end_s)
            found.append(
                DuplicateSource(fault.kind, fault.target, fault.begin_s, fault.end_s, held)
            )
        elif fault.kind.startswith("bridge SIGSTOP"):
            frozen[fault.target].append(fault)
    for member in members:
        for at_s, event, lost in member.history():
            if event == "lost" and lost:
                found.append(_lost(member, at_s, lost, frozen[member.name]))
    return found


def _lost(
    member: Member, lost_s: float, lost: frozenset[int], frozen: Iterable[Fault]
) -> DuplicateSource:
    """The possible start and the partitions of an assignment loss that is logged at `lost_s`.

    A frozen member may log the loss before the end of the fault is recorded. All partitions that it
    held when it froze are lost, even if a concurrent rebalance logs some of them as revoked.
    """
    end_s = lost_s + _LOST_SEEN_S
    for fault in frozen:
        if fault.begin_s < lost_s < fault.end_s + SESSION_S:
            held = lost | member.held_partitions(fault.begin_s, fault.begin_s)
            return DuplicateSource(LOST, member.name, fault.begin_s, end_s, held)
    return DuplicateSource(LOST, member.name, lost_s - SESSION_S, end_s, lost)


def progress(
    minute: float,
    records: RecordLog,
    counts: ArrivalCounts,
    timeline: Timeline,
    usages: Mapping[str, Usage],
) -> str:
    """One progress line: counts, faults, and the memory of every process."""
    faults, now = timeline.faults(), timeline.now()
    kills = sum(fault.kind == KILLED for fault in faults)
    distinct = counts.accepted - len(counts.duplicates)
    to_come = max(0, records.acknowledged - distinct)
    memory = " ".join(f"{_short(name)}={one}" for name, one in sorted(usages.items()))
    return (
        f"{minute:5.1f} min {records.written:>8} written {records.acknowledged:>8} in Kafka "
        f"{distinct:>8} arrived {to_come:>6} to come {len(counts.duplicates):>5} twice "
        f"{len(faults):>4} faults {kills:>3} kills  {memory}  {f'[{now}]' if now else ''}"
    )


def _short(name: str) -> str:
    return "".join(part[0] if part.isalpha() else part for part in name.split())


def fault_table(faults: Sequence[Fault], result: Reconciliation) -> list[str]:
    """A table: kind of fault, its count, its duplicates, and the most per fault."""
    counts = Counter(fault.kind for fault in faults)
    repeated: defaultdict[str, list[int]] = defaultdict(list)
    for source, count in result.by_source:
        repeated[source.kind].append(count)
    counts[LOST] = len(repeated[LOST])
    lines = [f"{'fault':<36}{'times':>6}{'duplicates':>14}{'max per fault':>14}"]
    for kind in sorted(counts):
        repeated_counts = repeated[kind]
        figures = (
            f"{sum(repeated_counts):>14}{max(repeated_counts, default=0):>14}"
            if repeated_counts
            else f"{0:>14}{0:>14}"
        )
        lines.append(f"{kind:<36}{counts[kind]:>6}{figures}")
    return lines


def per_kill(result: Reconciliation) -> list[str]:
    """The number of duplicates per fault, for each kind of fault that may cause some."""
    lines = []
    for kind in (KILLED, LOST, DRAIN_TIMEOUT, CRASHED):
        counts = [count for source, count in result.by_source if source.kind == kind]
        if counts:
            lines.append(f"duplicates after each {kind}: {' '.join(map(str, counts))}")
    return lines


def violations(result: Reconciliation, records: RecordLog, faults: Sequence[Fault]) -> list[str]:
    """The violations, each with its partition and the concurrent faults."""
    lines = [
        f"LOST: record {number} of partition {records.partition_of[number]}"
        for number in result.lost[:20]
    ]
    for duplicate in result.unexplained[:20]:
        concurrent = [
            f"{fault.kind} {fault.target} {fault.begin_s - duplicate.first_s:+.1f}…"
            f"{fault.end_s - duplicate.first_s:+.1f} s"
            for fault in faults
            if fault.begin_s - 5 < duplicate.second_s and duplicate.first_s < fault.end_s + 5
        ]
        lines.append(
            f"UNEXPLAINED: record {duplicate.number} of partition {duplicate.partition}, "
            f"{duplicate.second_s - duplicate.first_s:.1f} s later ({duplicate.first_s:.1f}); "
            + "; ".join(concurrent)
        )
    lines += [
        f"UNEXPECTED: record {number} was never written, or its transaction was aborted"
        for number in result.unexpected[:20]
    ]
    return lines
