"""The image: built from the lock, not root, and content with a file system it cannot write to.

Needs buildah, podman and the base image; skipped with the reason where one of them is missing.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

_ROOT = Path(__file__).parents[2]
_BASE = "docker.io/library/python:3.13-slim-trixie"
_IMAGE = "localhost/fullstory-bridge:test"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_HARDENED = (
    *("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp", "--memory", "256m", "--network", "none"),  # noqa: S108
)


def _run(*command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def _in_container(*command: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    hardened = ("podman", "run", "--rm", *_HARDENED, "--entrypoint", program, _IMAGE)
    return _run(*hardened, *arguments)


def _why_not() -> str | None:
    """Why containers cannot be built and run on this machine; None when they can."""
    for tool in ("buildah", "podman"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if _run("podman", "image", "exists", _BASE).returncode != 0:
        return f"the base image is not here: podman pull {_BASE}"
    trial = _run("podman", "run", "--rm", "--network", "none", _BASE, "python", "-c", "")
    return f"podman cannot run here: {trial.stderr.strip()}" if trial.returncode != 0 else None


@pytest.fixture(scope="module", autouse=True)
def _image() -> Iterator[None]:
    """Build the image by the unchanged Dockerfile, trusting whom this machine trusts."""
    why_not = _why_not()
    if why_not is not None:
        pytest.skip(why_not)
    trust = ("-v", f"{_AUTHORITIES}:{_AUTHORITIES}:ro") if _AUTHORITIES.exists() else ()
    how = ("--format", "docker", "--isolation", "chroot", "--pull-never", "--layers", *trust)
    file = str(_ROOT / "docker" / "Dockerfile")
    built = _run("buildah", "build", *how, "-t", _IMAGE, "-f", file, str(_ROOT), timeout_s=240)
    assert built.returncode == 0, built.stderr
    yield
    _run("podman", "rmi", "--force", _IMAGE)


def test_the_image_runs_the_command() -> None:
    """Its entry point is the command, and its version is the project's."""
    answer = _run("podman", "run", "--rm", *_HARDENED, _IMAGE, "--version")
    assert (answer.returncode, bridge.__version__ in answer.stdout) == (0, True), answer.stderr


def test_it_is_not_root_and_owns_nothing() -> None:
    """Its user is given by number, and what it runs belongs to root."""
    assert _in_container("id", "-u").stdout.strip() == "10001"
    owned = _in_container("find", "/opt/venv", "/etc/fullstory-bridge", "-not", "-user", "0")
    assert (owned.returncode, owned.stdout) == (0, "")


def test_its_status_is_told_at_every_address_of_the_container() -> None:
    """At its own loopback nobody outside could ask."""
    assert _in_container("printenv", "BRIDGE_STATUS__LISTEN").stdout == "0.0.0.0:8080\n"
    answer = _in_container("fullstory-bridge", "healthcheck", "--help")
    assert answer.returncode == 0, answer.stderr


def test_its_bytecode_is_ready() -> None:
    """Every module was compiled at build, since the file system is read-only when it runs."""
    program = (
        "import pathlib, importlib.util as u; "
        "print([str(f) for f in pathlib.Path('/opt/venv').rglob('*.py') "
        "if not pathlib.Path(u.cache_from_source(str(f))).exists()])"
    )
    assert _in_container("python", "-c", program).stdout.strip() == "[]"


def test_only_what_the_bridge_needs_is_in_it() -> None:
    """The build tools of the lock are gone, and so is pip."""
    program = (
        "import importlib.metadata as m; print(sorted("
        "d.name.lower() for d in m.distributions() if '/opt/venv' in str(d.locate_file(''))))"
    )
    names = _in_container("python", "-c", program).stdout
    assert "aiohttp" in names
    assert not [tool for tool in ("hatchling", "editables", "pluggy", "'pip'") if tool in names]
