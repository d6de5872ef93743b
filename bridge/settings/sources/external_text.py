"""Text from outside the settings file: a variable, a secret file or a flag."""

from pathlib import Path
from typing import Self


class ExternalText(str):
    """Text that is converted to a number, a boolean or a list if its setting needs one.

    In the file, a quoted `"5"` stays text; a variable has no quotes to show that.
    `file` is the secret file that the text was read from, None for a variable or a flag.
    """

    __slots__ = ("file",)

    file: Path | None

    def __new__(cls, text: str, file: Path | None = None) -> Self:
        """Create the text with the secret file that it was read from."""
        self = super().__new__(cls, text)
        self.file = file
        return self
