"""What is measured: a build of the bridge, a script that a user would write, and lower bounds.

All candidates get the same job, run as separate processes on the same core, and post to the same
sink.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.bench.jobs import Job

_PEERS = Path(__file__).with_name("peers")
COMMAND: Final = Path(sys.executable).with_name("fullstory-bridge")


class Candidate(Protocol):
    """A program that can run a job."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def measures_itself(self) -> bool:
        """Whether it prints its own figures, because it sends nothing to the sink."""
        ...

    def command(self, job: Job) -> list[str]:
        """Write its input to the job's folder, and return its command line."""
        ...


@dataclass(frozen=True)
class Bridge:
    """`fullstory-bridge run`, of this tree or of an older one."""

    name: str = "bridge"
    program: Path = COMMAND
    measures_itself: bool = False

    def command(self, job: Job) -> list[str]:
        """Write settings and a mapping, and return the command that an operator uses."""
        return [str(self.program), "run", "--config", str(job.write_settings())]


@dataclass(frozen=True)
class Peer:
    """A program in `peers/`; it gets the job as JSON."""

    name: str
    arguments: tuple[str, ...]
    measures_itself: bool = False

    def command(self, job: Job) -> list[str]:
        """The peer's file, run by this Python."""
        program, *more = self.arguments
        return [sys.executable, str(_PEERS / program), *more, str(job.write_json())]


SCRIPT: Final = Peer("script", ("script.py",))
CONSUME_FLOOR: Final = Peer(
    "floor: consume and filter", ("consume_floor.py",), measures_itself=True
)
POST_FLOOR: Final = Peer("floor: POST", ("post_floor.py",))
