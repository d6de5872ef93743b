"""Who is measured: a build of the bridge, the script a user would write, and the floors.

All are told the same job, run as a process of their own on the same core, and post to the same
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
    """Something that can be given a job."""

    @property
    def name(self) -> str:
        """How the table calls it."""
        ...

    @property
    def measures_itself(self) -> bool:
        """Whether it prints its own figures, because the sink sees nothing of it."""
        ...

    def command(self, job: Job) -> list[str]:
        """Write what it needs into the job's folder; how it is started."""
        ...


@dataclass(frozen=True)
class Bridge:
    """`fullstory-bridge run`, of this tree or of an older one."""

    name: str = "bridge"
    program: Path = COMMAND
    measures_itself: bool = False

    def command(self, job: Job) -> list[str]:
        """Settings, a mapping, and the command that an operator gives."""
        return [str(self.program), "run", "--config", str(job.write_settings())]


@dataclass(frozen=True)
class Peer:
    """A program beside this file; it is given the job as JSON."""

    name: str
    arguments: tuple[str, ...]
    measures_itself: bool = False

    def command(self, job: Job) -> list[str]:
        """The peer's own file, run by this Python."""
        program, *more = self.arguments
        return [sys.executable, str(_PEERS / program), *more, str(job.write_json())]


SCRIPT: Final = Peer("script", ("script.py",))
CONSUME_FLOOR: Final = Peer(
    "floor: consume and filter", ("consume_floor.py",), measures_itself=True
)
POST_FLOOR: Final = Peer("floor: POST", ("post_floor.py",))
