"""Recognizes secret settings, reads secret files, and reloads the API key.

Invariants: no repr, message or report has a secret; secret files are read when needed and never
cached.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bridge.documents.document import DataPath
from bridge.errors import SetupError

SECRET_FILE_BYTES_MAX = 64 * 1024
"""Keys, passwords and PEM files are far smaller; a wrong path must not exhaust memory."""

_SECRET_NAME = re.compile(
    r"pass(word|phrase|wd)?|secret|token|credential|user\.info|(^|[._])key(\.pem)?$"
    r"|^sasl\.oauthbearer\.config$",
    re.IGNORECASE,
)
_ONLY_REFERENCES = re.compile(r"(\$\{\w+(:\?[^}]*)?\}|:)+")
_SUGGESTION = re.compile(r"did you mean `(.+)`\?")


def is_secret_name(name: str) -> bool:
    """Whether a setting with this or a similar name has a secret value."""
    return _SECRET_NAME.search(name) is not None


def hides_value(name: str, fix: str | None) -> bool:
    """Whether an unknown key may have a secret value; not if a non-secret key is suggested."""
    suggested = _SUGGESTION.fullmatch(fix or "")
    return is_secret_name(name) or suggested is None or is_secret_name(suggested[1])


def secret_paths(data: Any, path: DataPath = (), *, inside: bool = False) -> Iterator[DataPath]:
    """The paths of all text in `data` that may be secret: by its key, or as a URL with a user."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from secret_paths(value, (*path, key), inside=inside or is_secret_name(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from secret_paths(value, (*path, index), inside=inside)
    elif data is not None and (inside or _has_user(str(data))) and not _refers(str(data)):
        yield path


def _has_user(text: str) -> bool:
    return "://" in text and "@" in text


def _refers(text: str) -> bool:
    """Whether the text has only references to variables, which are not secret."""
    return _ONLY_REFERENCES.fullmatch(text) is not None


def read_secret_file(file: Path) -> str:
    """The text of a secret file without its final newline.

    Raises:
        ValueError: the file cannot be read; the message gives the reason, but no content.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError((error.strerror or "it cannot be read").lower()) from None
    if len(raw) > SECRET_FILE_BYTES_MAX:
        raise ValueError(f"it has more than {SECRET_FILE_BYTES_MAX} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def key_fault(key: str) -> str | None:
    """Why the text is invalid as a key in an HTTP header, or None if it is valid."""
    if not key:
        return "the key is empty"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "the key has a space, a line break or a non-ASCII character"
    return None


@dataclass(frozen=True, slots=True)
class KeySource:
    """FullStory's key, its origin, and how to reload it.

    `file` is None if the key cannot change while the process runs.
    """

    fixed: SecretStr
    origin: str
    file: Path | None = None

    def read(self) -> str:
        """The current key; read again if it comes from a file.

        Raises:
            SetupError: the file cannot be read, or its content is not a valid key.
        """
        if self.file is None:
            return self.fixed.get_secret_value()
        try:
            key = read_secret_file(self.file)
        except ValueError as error:
            raise SetupError(f"the FullStory key file {self.file}: {error}") from None
        fault = key_fault(key)
        if fault is not None:
            raise SetupError(f"the FullStory key file {self.file}: {fault}")
        return key
