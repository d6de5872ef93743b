"""What all commands share: the flag `--config`, and the exit codes of expected errors."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import click

from bridge.documents.problems import Problem
from bridge.errors import Halted, SetupError, Unavailable
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.settings.load import DEFAULT_FILE, Loaded, load

F = TypeVar("F", bound=Callable[..., Any])

_EXISTING_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def config_flag(command: F) -> F:
    """The flag `--config`, which the command receives as `config_file`."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        help="The settings file; without one, the environment."
        "  [default: bridge.yaml, if it exists]",
    )(command)


def files_argument(command: F) -> F:
    """The argument FILES: mapping files, which the command receives as `files`."""
    return click.argument("files", nargs=-1, type=_EXISTING_FILE)(command)


def mapping_files_flag(command: F) -> F:
    """The flag `--mapping`, for commands whose arguments are something else."""
    return click.option(
        "--mapping",
        "files",
        multiple=True,
        type=_EXISTING_FILE,
        help="A mapping file, instead of those in the settings. Repeatable.",
    )(command)


def schemas_flag(command: F) -> F:
    """The flag `--schema`, which the command receives as `schemas`."""
    return click.option(
        "--schema",
        "schemas",
        multiple=True,
        metavar="TOPIC=FILE",
        help="The schema of a topic. Repeatable.  [default: the settings', else the registry's]",
    )(command)


class ExitCodes:
    """A `with` block that ends the process after an expected error, with one message on stderr.

    The exit code is 2 if the setup is wrong or a service does not answer, and 1 after a halt.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, SetupError | Unavailable | Halted):
            click.echo(str(error), err=True)
            sys.exit(1 if isinstance(error, Halted) else 2)


def settings_of(file: Path | None) -> Loaded:
    """The settings of a file, of `bridge.yaml`, or of the environment; raises SetupError."""
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    return load(file, os.environ, known_kafka_keys=KNOWN_KEYS)


def exit_on_errors(problems: Iterable[Problem]) -> None:
    """End the process with exit code 1 if one of the problems is an error."""
    if any(problem.severity == "error" for problem in problems):
        sys.exit(1)
