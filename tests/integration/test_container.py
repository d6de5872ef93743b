"""The image: built from the lock, runs as non-root, and works on a read-only file system.

Needs buildah, podman and the base image; skipped with the reason if one of them is missing.
"""

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

_ROOT = Path(__file__).parents[2]
_BASE = "docker.io/library/python:3.13-slim-trixie"
_IMAGE = "localhost/fullstory-bridge:test"
_PAGE = (_ROOT / "docker" / "README.md").read_text()
_SETTINGS = """\
kafka: {bootstrap.servers: "kafka:9092", group.id: test}
mappings: [mappings/*.yaml]
avro: {topics: {payments: {wire_format: raw, schema: payment.avsc}}}
fullstory: {key: "${FULLSTORY_API_KEY}"}
"""
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
    """Why containers cannot be built and run on this machine; None if they can."""
    for tool in ("buildah", "podman"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if _run("podman", "image", "exists", _BASE).returncode != 0:
        return f"the base image is missing: podman pull {_BASE}"
    trial = _run("podman", "run", "--rm", "--network", "none", _BASE, "python", "-c", "")
    return f"podman cannot run here: {trial.stderr.strip()}" if trial.returncode != 0 else None


@pytest.fixture(scope="module", autouse=True)
def _image() -> Iterator[None]:
    """Build the image from the unchanged Dockerfile, with this machine's trusted CAs."""
    why_not = _why_not()
    if why_not is not None:
        pytest.skip(why_not)
    ca_mount = ("-v", f"{_AUTHORITIES}:{_AUTHORITIES}:ro") if _AUTHORITIES.exists() else ()
    options = ("--format", "docker", "--isolation", "chroot", "--pull-never", "--layers", *ca_mount)
    file = str(_ROOT / "docker" / "Dockerfile")
    built = _run("buildah", "build", *options, "-t", _IMAGE, "-f", file, str(_ROOT), timeout_s=240)
    assert built.returncode == 0, built.stderr
    yield
    _run("podman", "rmi", "--force", _IMAGE)


def test_the_image_runs_the_command() -> None:
    """Its entry point is the command, with the project's version."""
    answer = _run("podman", "run", "--rm", *_HARDENED, _IMAGE, "--version")
    assert (answer.returncode, bridge.__version__ in answer.stdout) == (0, True), answer.stderr


def test_it_runs_as_non_root_and_owns_no_program_files() -> None:
    """Its user is numeric, and root owns the program files."""
    assert _in_container("id", "-u").stdout.strip() == "10001"
    owned = _in_container("find", "/opt/venv", "/etc/fullstory-bridge", "-not", "-user", "0")
    assert (owned.returncode, owned.stdout) == (0, "")


def test_its_status_server_listens_on_every_address_of_the_container() -> None:
    """On loopback it would not be reachable from outside."""
    assert _in_container("printenv", "BRIDGE_STATUS__LISTEN").stdout == "0.0.0.0:8080\n"
    answer = _in_container("fullstory-bridge", "healthcheck", "--help")
    assert answer.returncode == 0, answer.stderr


def test_its_bytecode_is_compiled() -> None:
    """Modules are compiled at build time, because the file system is read-only at run time."""
    program = (
        "import pathlib, importlib.util as u; "
        "print([str(f) for f in pathlib.Path('/opt/venv').rglob('*.py') "
        "if not pathlib.Path(u.cache_from_source(str(f))).exists()])"
    )
    assert _in_container("python", "-c", program).stdout.strip() == "[]"


def test_it_contains_only_what_the_bridge_needs() -> None:
    """The lock's build tools and pip are removed."""
    program = (
        "import importlib.metadata as m; print(sorted("
        "d.name.lower() for d in m.distributions() if '/opt/venv' in str(d.locate_file(''))))"
    )
    names = _in_container("python", "-c", program).stdout
    assert "aiohttp" in names
    assert not [tool for tool in ("hatchling", "editables", "pluggy", "'pip'") if tool in names]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as the page asks for: `bridge.yaml`, and `mappings` beside it."""
    (tmp_path / "mappings").mkdir()
    shutil.copy(_ROOT / "schemas" / "mappings" / "payments.yaml", tmp_path / "mappings")
    shutil.copy(_ROOT / "schemas" / "avro" / "payment.avsc", tmp_path)
    (tmp_path / "bridge.yaml").write_text(_SETTINGS)
    tmp_path.chmod(0o755)  # the user of the container is another one
    return tmp_path


def _from_page(containing: str, project: Path) -> list[str]:
    """A `docker run` command of the page, for podman, without a network and its ports."""
    lines = re.findall(r"^docker run .*$", _PAGE, re.MULTILINE)
    [line] = [line for line in lines if containing in line]
    words = shlex.split(line.replace("$PWD", str(project)))[2:]
    image = words.index("fullstory-bridge", 1 + words.index("FULLSTORY_API_KEY"))
    options = " ".join(words[:image]).replace("-p 8080:8080 ", "").split(" ")
    key = ["-e", "FULLSTORY_API_KEY=na1.made-up", "--network", "none"]
    return ["podman", "run", *options, *key, _IMAGE, *words[image + 1 :]]


def _logs(name: str, words: str, within_s: float) -> bool:
    """Whether a container logs these words in time."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        logged = _run("podman", "logs", name)
        if words in logged.stdout + logged.stderr:
            return True
    return False


@pytest.mark.parametrize("command", [" check ", " config"])
def test_the_commands_of_the_page_succeed(command: str, project: Path) -> None:
    """Both only look at files and variables."""
    answer = _run(*_from_page(command, project))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_bridge_starts_as_the_page_says_and_waits_for_kafka(project: Path) -> None:
    """There is no Kafka here, so it stays alive and logs that it is paused."""
    name = f"bridge-{project.name}"
    command = _from_page("--restart", project)
    command[command.index("bridge")] = name
    started = _run(*command)
    assert started.returncode == 0, started.stderr
    try:
        assert _logs(name, '"paused"', within_s=30.0)
        assert _run("podman", "exec", name, "fullstory-bridge", "healthcheck").returncode == 0
    finally:
        _run("podman", "stop", name)
        _run("podman", "rm", "--force", name)
