"""Jars from Maven repositories, with the pure-Python resolver `jgo`, which needs no `mvn`.

Invariants: the resolver determines the repositories' addresses. An incomplete download is deleted,
so that the next try does not use it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import Artifact, Dependency, MavenContext, PythonResolver

from tests.services.pins import Coordinate, Say, Unobtainable

_TIMEOUT_S = 60
_PARALLEL = 8
_REPORT_EVERY_S = 2.0


class _Progress:
    """Counts bytes and files of parallel downloads and prints a line every two seconds."""

    def __init__(self, title: str, files: int, say: Say) -> None:
        self._title, self._files, self._say = title, files, say
        self._lock = threading.Lock()
        self._bytes = self._done = 0
        self._said = time.monotonic()

    @contextmanager
    def download(self, _filename: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        """The resolver's callback for one download."""
        yield self._arrived

    def file_done(self) -> None:
        """Count one finished file."""
        with self._lock:
            self._done += 1

    def _arrived(self, size_bytes: int) -> None:
        with self._lock:
            self._bytes += size_bytes
            now = time.monotonic()
            if now - self._said >= _REPORT_EVERY_S:
                self._said = now
                megabytes = self._bytes / 1e6
                self._say(f"{self._title}: {megabytes:.0f} MB, {self._done} of {self._files} files")


class Repository:
    """A local cache folder that is filled from remote repositories on demand."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder = folder
        self._say = say

    def closure(self, roots: Sequence[Coordinate]) -> list[Coordinate]:
        """The roots and their runtime dependencies, sorted; for jars."""
        resolver = PythonResolver()
        context = self._context(resolver)
        found, needed = resolver.resolve([Dependency(_artifact(context, root)) for root in roots])
        return sorted({Coordinate(*dependency.artifact.key) for dependency in found + needed})

    def fetch(self, title: str, wanted: Sequence[Coordinate]) -> list[Path]:
        """Download the files in parallel, and return them in order; raises Unobtainable."""
        progress = _Progress(title, len(wanted), self._say)
        context = self._context(PythonResolver(progress_callback=progress.download))

        def one(coordinate: Coordinate) -> Path:
            path = _download(_artifact(context, coordinate))
            progress.file_done()
            return path

        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(one, wanted))

    def _context(self, resolver: PythonResolver) -> MavenContext:
        return MavenContext(resolver, self._folder, local_repos=[], timeout=_TIMEOUT_S)


def _artifact(context: MavenContext, wanted: Coordinate) -> Artifact:
    component = context.project(wanted.group, wanted.artifact).at_version(wanted.version)
    return component.artifact(wanted.classifier, wanted.packaging)


def _download(artifact: Artifact) -> Path:
    """Download one file; the resolver's errors (requests' are OSErrors) become Unobtainable."""
    try:
        return artifact.resolve()
    except (OSError, RuntimeError) as error:
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        message = f"{artifact} cannot be downloaded: {error}"
        raise Unobtainable(message) from error
    except BaseException:
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        raise
