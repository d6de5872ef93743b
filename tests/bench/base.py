"""An older build of this project, in a folder and a virtual environment of its own.

Law: it is made outside the tree as the Makefile makes ours, and nothing of it stays.
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
    """The bridge as it was at a commit; RuntimeError when it cannot be built."""
    with tempfile.TemporaryDirectory(prefix="fullstory-bench-base-") as folder:
        tree = Path(folder) / "tree"
        _do(_TREE, "git", "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield Bridge(f"base {commit}", _installed(tree))
        finally:
            _do(_TREE, "git", "worktree", "remove", "--force", str(tree))


def _installed(tree: Path) -> Path:
    """Its command, installed as `make` installs ours."""
    say(f"building {tree} …")
    _do(tree, sys.executable, "-m", "venv", ".venv")
    python = str(tree / ".venv" / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _do(tree, *pip, "--require-hashes", "-r", "requirements.lock")
    _do(tree, *pip, "--no-deps", "--no-build-isolation", "-e", ".")
    program = tree / ".venv" / "bin" / "fullstory-bridge"
    _do(tree, str(program), "--help")  # so that its modules are compiled
    return program


def _do(where: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
