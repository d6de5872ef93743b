"""Runs one program and sees to it that it does not outlive the tests.

    python keeper.py PARENT FOLDER PROGRAM ARGUMENT…

Started as a script of its own (it imports nothing of ours). It writes the program's process id
to standard output, then waits. When the program ends, so does the keeper, with its exit code.
When the tests' process goes away, for whatever reason and however suddenly, the keeper kills
the program and removes FOLDER, the program's own folder.

Law: what kills the program is bound to the tests' *process*. The system's parent-death signal
is bound to the parent's *thread*, so it serves only between keeper and program, where the
thread that starts is the main one; it is there in case the keeper itself is killed.
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


def _die_with_the_keeper() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_the_end_of(parent: int) -> None:
    """Return when standard input ends or the parent is another process than at the start.

    The first is prompt; the second is there for a pipe held open by a forked child.
    """
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
            return


def main(parent: int, folder: Path, command: list[str]) -> int:
    """Run the command; the exit code is the program's (128 + n after signal n)."""
    program = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_die_with_the_keeper,  # noqa: PLW1509 (no other thread runs yet)
    )
    orphaned = threading.Event()

    def guard() -> None:
        _wait_for_the_end_of(parent)
        orphaned.set()
        program.kill()

    threading.Thread(target=guard, daemon=True).start()
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
