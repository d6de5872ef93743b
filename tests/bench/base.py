"""An older build of this project, in a separate folder and virtual environment.

Invariants: it is built outside the tree, as the Makefile does, and removed afterwards.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.candidates import Bridge
from tests.bench.progress import say

_TREE = Path(__file__).parents[2]


@contextmanager
def older_build(commit: str) -> Iterator[Bridge]:
    """The bridge at a commit; RuntimeError if the build fails."""
    with tempfile.TemporaryDirectory(prefix="fullstory-bench-base-") as folder:
        tree = Path(folder) / "tree"
        _run_command(_TREE, "git", "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield Bridge(f"base {commit}", _installed(tree))
        finally:
            _run_command(_TREE, "git", "worktree", "remove", "--force", str(tree))


def _installed(tree: Path) -> Path:
    """Install it as `make` does, and return its command."""
    say(f"building {tree} …")
    _run_command(tree, sys.executable, "-m", "venv", ".venv")
    python = str(tree / ".venv" / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run_command(tree, *pip, "--require-hashes", "-r", "requirements.lock")
    _run_command(tree, *pip, "--no-deps", "--no-build-isolation", "-e", ".")
    program = tree / ".venv" / "bin" / "fullstory-bridge"
    _run_command(tree, str(program), "--help")  # compiles its modules
    return program


def _run_command(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
