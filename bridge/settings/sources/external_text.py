"""Text from outside of the settings file: a variable, a secret file, a flag."""

from pathlib import Path
from typing import Self


class ExternalText(str):
    """Text that may become a number, a switch or a list, as the setting it is for wants it.

    In the file a quoted `"5"` is text and stays text; a variable has no quotes to say so.
    `file` is the secret file that the text was read from, None for a variable or a flag.
    """

    __slots__ = ("file",)

    file: Path | None

    def __new__(cls, text: str, file: Path | None = None) -> Self:
        """Text, and the secret file that it was read from."""
        self = super().__new__(cls, text)
        self.file = file
        return self
