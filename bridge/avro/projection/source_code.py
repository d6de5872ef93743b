"""A Python function that is written at run time: its lines, its names, its constants.

Invariants: nothing of a schema is ever part of a line. Names of fields, symbols and tables are
handed to the function as constants, so no schema can write code.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class TooLong(Exception):
    """The function has more lines than are worth compiling."""


class SourceCode:
    """Lines of one module that is compiled once; several functions share its constants."""

    def __init__(self, lines_max: int) -> None:
        self._lines_max = lines_max
        self._lines: list[str] = []
        self._indent = 0
        self._numbers = 0
        self._constants: dict[str, Any] = {}

    def line(self, text: str) -> None:
        """Add a line; steps over bytes that follow each other become one step."""
        if len(self._lines) >= self._lines_max:
            raise TooLong
        self._lines.append(" " * self._indent + text)

    def step(self, size: int) -> None:
        """Pass over so many bytes."""
        begin = " " * self._indent + "p+="
        last = self._lines[-1]
        if last.startswith(begin) and (before := last.removeprefix(begin)).isdigit():
            self._lines[-1] = f"{begin}{int(before) + size}"
        else:
            self.line(f"p+={size}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """The lines within belong to `head`; a block of nothing does nothing."""
        self.line(head)
        begun = len(self._lines)
        self._indent += 1
        yield
        if len(self._lines) == begun:
            self.line("pass")
        self._indent -= 1

    def name(self) -> str:
        """A variable that no other line uses."""
        self._numbers += 1
        return f"v{self._numbers}"

    def constant(self, value: Any) -> str:
        """The name under which the lines find a value."""
        name = f"K{len(self._constants)}"
        self._constants[name] = value
        return name

    def bind(self, name: str, value: Any) -> None:
        """Let the lines find a value under a name of our own choosing."""
        self._constants[name] = value

    def compiled(self, function: str) -> Callable[..., Any]:
        """The function of that name, compiled with all the others."""
        names = dict(self._constants)
        code = compile("\n".join(self._lines), "<generated reader>", "exec")
        exec(code, names)  # noqa: S102 -- lines of ours only, see the laws above
        found: Callable[..., Any] = names[function]
        return found
