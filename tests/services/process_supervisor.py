"""Process supervisor: runs one program and ensures that it does not outlive the tests.

    python process_supervisor.py PARENT FOLDER PROGRAM ARGUMENT…

It runs as a separate script without imports from this project. It writes the program's process id
to standard output, then waits. When the program ends, the supervisor exits with the same code. If
the tests' process ends for any reason, the supervisor kills the program and removes FOLDER, the
program's folder.

Invariants: the program's lifetime depends on the tests' *process*. The system's parent-death signal
depends on the parent's *thread*, so it is only used between supervisor and program, which the main
thread starts. It handles the case that the supervisor itself is killed.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.5


def _die_with_the_supervisor() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_until_parent_ends(parent: int) -> None:
    """Return when standard input ends or the parent process changes.

    The first is immediate; the second is needed if a forked child holds the pipe open.
    """
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
            return


def main(parent: int, folder: Path, command: list[str]) -> int:
    """Run the command and return its exit code (128 + n after signal n)."""
    program = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_die_with_the_supervisor,  # noqa: PLW1509 (no other thread runs yet)
    )
    orphaned = threading.Event()

    def watch_parent() -> None:
        _wait_until_parent_ends(parent)
        orphaned.set()
        program.kill()

    threading.Thread(target=watch_parent, daemon=True).start()
    sys.stdout.write(f"{program.pid}\n")
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    code = program.wait()
    if orphaned.is_set():
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
