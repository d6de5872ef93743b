"""The commands of CONTRIBUTING.md work."""

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
TARGETS = sorted(set(re.findall(r"`make ([a-z-]+)`", PAGE)))


def _command(containing: str) -> str:
    blocks: list[str] = re.findall(r"^ *```sh\n(.*?)\n *```", PAGE, re.MULTILINE | re.DOTALL)
    [found] = [block.strip() for block in blocks if containing in block]
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_of_the_page_exists(target: str) -> None:
    """Those of the tables too."""
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_make_target_is_on_the_page() -> None:
    """Only `make help` lists itself."""
    listed = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted({*listed} - {*TARGETS}) == ["help"]


def test_the_pre_commit_hook_runs_make_check(tmp_path: Path) -> None:
    """Git runs it before a commit, and a failing check stops the commit."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "Makefile").write_text("check:\n\t@echo checked; false\n")
    subprocess.run(["sh", "-c", _command("pre-commit")], cwd=tmp_path, check=True)
    author = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
    commit = ["git", *author, "commit", "--allow-empty", "-m", "x"]
    done = subprocess.run(commit, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "checked" in done.stdout + done.stderr


def test_the_wheel_contains_the_explanations_and_the_example_schemas(tmp_path: Path) -> None:
    """It contains no pages for developers, and no pictures."""
    words = shlex.split(_command("pip wheel"))
    words[0], words[words.index("dist")] = sys.executable, str(tmp_path)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "bridge/explanations/mapping.md" in names
    assert "bridge/_schemas/avro/payment.avsc" in names
    pages = [name for name in names if re.fullmatch(r".*\.svg|bridge/[A-Z]+\.md", name)]
    assert pages == []
