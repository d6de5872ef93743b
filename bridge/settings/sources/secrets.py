"""Which settings are secret, the files that hold them, and the key that can be read again.

Invariants: no secret is in a repr, a message or a report; a secret file is read where it is needed
and never cached.
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
"""A key, a password or a PEM file is far smaller; a wrong path must not fill the memory."""

_SECRET_NAME = re.compile(
    r"pass(word|phrase|wd)?|secret|token|credential|user\.info|(^|[._])key(\.pem)?$"
    r"|^sasl\.oauthbearer\.config$",
    re.IGNORECASE,
)
_ONLY_REFERENCES = re.compile(r"(\$\{\w+(:\?[^}]*)?\}|:)+")
_SAID = re.compile(r"did you mean `(.+)`\?")


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name (any spelling near it) holds a secret."""
    return _SECRET_NAME.search(name) is not None


def hides_value(name: str, fix: str | None) -> bool:
    """Whether the value of an unknown key may be a secret: unless it was meant to be no secret."""
    meant = _SAID.fullmatch(fix or "")
    return is_secret_name(name) or meant is None or is_secret_name(meant[1])


def secret_paths(data: Any, path: DataPath = (), *, inside: bool = False) -> Iterator[DataPath]:
    """The paths of all text in `data` that may be a secret: by its key, or an URL with a user."""
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
    """Whether it is made of references to variables only, which may be shown."""
    return _ONLY_REFERENCES.fullmatch(text) is not None


def read_secret_file(file: Path) -> str:
    """The text of a secret file without its one final newline.

    Raises:
        ValueError: it cannot be read; the message says why and names no content.
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
    """Why this text cannot be a key that travels in a header, or None when it can."""
    if not key:
        return "the key is empty"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "the key has a blank, a line break or a character outside of ASCII"
    return None


@dataclass(frozen=True, slots=True)
class KeySource:
    """FullStory's key, where it came from, and how to get it anew.

    `file` is None when the key cannot change while the process lives.
    """

    fixed: SecretStr
    origin: str
    file: Path | None = None

    def read(self) -> str:
        """The key as it is now: read again when it has a file.

        Raises:
            SetupError: the file cannot be read, or holds what cannot be a key.
        """
        if self.file is None:
            return self.fixed.get_secret_value()
        try:
            key = read_secret_file(self.file)
        except ValueError as error:
            raise SetupError(f"the FullStory key's file {self.file}: {error}") from None
        fault = key_fault(key)
        if fault is not None:
            raise SetupError(f"the FullStory key's file {self.file}: {fault}")
        return key
