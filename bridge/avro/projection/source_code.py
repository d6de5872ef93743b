"""Builds the source code of a generated Python function: lines, variable names and constants.

Invariants: no text from a schema becomes part of the code. Field names, symbols and tables are
passed as constants, so a schema cannot inject code.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class TooLong(Exception):
    """The function has too many lines to compile."""


class SourceCode:
    """The source of one module that is compiled once; its functions share the constants."""

    def __init__(self, lines_max: int) -> None:
        self._lines_max = lines_max
        self._lines: list[str] = []
        self._indent = 0
        self._name_count = 0
        self._constants: dict[str, Any] = {}

    def line(self, text: str) -> None:
        """Add a line; raises TooLong beyond the maximum."""
        if len(self._lines) >= self._lines_max:
            raise TooLong
        self._lines.append(" " * self._indent + text)

    def step(self, size: int) -> None:
        """Add a line that skips bytes; merged with such a line directly before it."""
        prefix = " " * self._indent + "p+="
        last = self._lines[-1]
        if last.startswith(prefix) and (before := last.removeprefix(prefix)).isdigit():
            self._lines[-1] = f"{prefix}{int(before) + size}"
        else:
            self.line(f"p+={size}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add an indented block under `head`; an empty block gets `pass`."""
        self.line(head)
        first = len(self._lines)
        self._indent += 1
        yield
        if len(self._lines) == first:
            self.line("pass")
        self._indent -= 1

    def name(self) -> str:
        """A new variable name."""
        self._name_count += 1
        return f"v{self._name_count}"

    def constant(self, value: Any) -> str:
        """Add a constant and return its name."""
        name = f"K{len(self._constants)}"
        self._constants[name] = value
        return name

    def bind(self, name: str, value: Any) -> None:
        """Add a constant under a given name."""
        self._constants[name] = value

    def compiled(self, function: str) -> Callable[..., Any]:
        """Compile all lines and return the function with this name."""
        names = dict(self._constants)
        code = compile("\n".join(self._lines), "<generated reader>", "exec")
        exec(code, names)  # noqa: S102 -- no text from a schema, see the invariants above
        result: Callable[..., Any] = names[function]
        return result
