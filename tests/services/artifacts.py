"""The programs of the real services: downloaded once, verified, and cached outside the tree.

    python -m tests.services.artifacts                 download what is missing
    python -m tests.services.artifacts --write-lock    resolve again and pin the results

Invariants: every file that runs is pinned by SHA-256 in `artifacts.lock`. A bundle's folder is
created atomically by one rename. Two processes that need the same bundle download it once.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.services.pins import (
    LOCK,
    Coordinate,
    Pin,
    Say,
    Unobtainable,
    read_lock,
    write_lock,
)

if TYPE_CHECKING:
    from tests.services.maven import Repository


class Bundle(NamedTuple):
    """One service's files: `roots` are the named artifacts; the lock lists all dependencies."""

    name: str
    title: str
    roots: tuple[Coordinate, ...]

    @property
    def is_archive(self) -> bool:
        """Whether the bundle is an archive to unpack; otherwise it is a folder of jars."""
        return self.roots[0].packaging == "tar.gz"


KAFKA = Bundle(
    "kafka",
    "Apache Kafka 4.4.0",
    (
        Coordinate.parse("org.apache.kafka:kafka_2.13:4.4.0:jar"),
        # Kafka's jars include no logger, and a broker that fails to start must log why.
        Coordinate.parse("org.slf4j:slf4j-simple:1.7.36:jar"),
    ),
)
APICURIO = Bundle(
    "apicurio",
    "Apicurio Registry 3.3.3",
    (Coordinate.parse("io.apicurio:apicurio-registry-app:3.3.3:all:tar.gz"),),
)
BUNDLES = (KAFKA, APICURIO)


class PinMismatch(Exception):
    """A downloaded file is not the pinned one: never run it, and never skip the error."""


def cache_folder() -> Path:
    """The bundles' folder: FULLSTORY_BRIDGE_TEST_CACHE, or in the user's cache folder."""
    own = os.environ.get("FULLSTORY_BRIDGE_TEST_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fullstory-bridge-tests"


def to_stderr(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def ready(bundle: Bundle) -> Path | None:
    """The bundle's folder if it is already downloaded."""
    folder = _home(bundle, read_lock()[bundle.name])
    return folder if folder.is_dir() else None


def obtain(bundle: Bundle, say: Say = to_stderr) -> Path:
    """The bundle's folder, downloaded first if it is missing.

    Raises Unobtainable if the download is not possible, and PinMismatch if a downloaded file is
    not the pinned one.
    """
    here = ready(bundle)
    if here is not None:
        return here
    with _exclusive_lock(bundle, say):
        return ready(bundle) or _fetch(bundle, say)


def _home(bundle: Bundle, pins: Sequence[Pin]) -> Path:
    """The folder's name depends on the lock, so an outdated folder is never used."""
    digest = hashlib.sha256("\n".join(pin.sha256 for pin in pins).encode()).hexdigest()
    return cache_folder() / f"{bundle.name}-{digest[:12]}"


@contextmanager
def _exclusive_lock(bundle: Bundle, say: Say) -> Iterator[None]:
    """Hold the bundle's lock; the system releases it even if this process is killed."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{bundle.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{bundle.title}: another process is downloading it, waiting …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(bundle: Bundle, say: Say) -> Path:
    pins = read_lock()[bundle.name]
    home = _home(bundle, pins)
    say(f"{bundle.title}: downloading {len(pins)} file(s) into {home} (once) …")
    files = _fetch_verified(bundle, pins, say)
    part = Path(tempfile.mkdtemp(prefix=f"{bundle.name}.", suffix=".part", dir=cache_folder()))
    try:
        for file in files:
            if bundle.is_archive:
                with tarfile.open(file) as archive:
                    archive.extractall(part, filter="data")
            else:
                shutil.copy2(file, part / file.name)
        part.rename(home)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    for file in files:
        file.unlink()
    say(f"{bundle.title}: ready")
    return home


def _fetch_verified(bundle: Bundle, pins: Sequence[Pin], say: Say) -> list[Path]:
    """The pinned files; incomplete files from an interrupted run are downloaded again."""
    repository = _repository(cache_folder() / "maven", say)
    wanted = [pin.coordinate for pin in pins]
    for file in _mismatched(repository.fetch(bundle.title, wanted), pins):
        file.unlink()
    files = repository.fetch(bundle.title, wanted)
    wrong = _mismatched(files, pins)
    if wrong:
        names = ", ".join(file.name for file in wrong)
        for file in wrong:
            file.unlink()
        message = f"not the files pinned in {LOCK.name}: {names}"
        raise PinMismatch(message)
    return files


def _mismatched(files: Sequence[Path], pins: Sequence[Pin]) -> list[Path]:
    """The files that do not match their pins."""
    return [file for file, pin in zip(files, pins, strict=True) if _sha256(file) != pin.sha256]


def _repository(folder: Path, say: Say) -> "Repository":
    # The resolver's import takes 0.2 s; runs with cached bundles avoid it.
    from tests.services.maven import Repository  # noqa: PLC0415

    return Repository(folder, say)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def renew_lock(say: Say = to_stderr) -> None:
    """Resolve every bundle again and pin the results; raises Unobtainable."""
    pins: dict[str, tuple[Pin, ...]] = {}
    with tempfile.TemporaryDirectory() as folder:
        repository = _repository(Path(folder), say)
        for bundle in BUNDLES:
            say(f"{bundle.title}: resolving …")
            roots = bundle.roots
            wanted = list(roots) if bundle.is_archive else repository.closure(roots)
            files = repository.fetch(bundle.title, wanted)
            pins[bundle.name] = tuple(map(Pin, wanted, map(_sha256, files)))
    write_lock(pins)
    say(f"{LOCK.name}: {sum(map(len, pins.values()))} files pinned")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 if all bundles are available, else 1."""
    parser = argparse.ArgumentParser(description="The jars of the real Kafka and registry.")
    parser.add_argument("--write-lock", action="store_true", help="resolve again and pin")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.write_lock:
            renew_lock()
        for bundle in BUNDLES:
            obtain(bundle)
    except (Unobtainable, PinMismatch) as error:
        to_stderr(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
