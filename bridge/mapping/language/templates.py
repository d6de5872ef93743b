"""Templates: `Order {status}`; `{{` and `}}` are braces."""

import re
from dataclasses import dataclass

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault

_PIECE = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<path>[^{}]+)\}|(?P<text>[^{}]+)")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a template that a path fills."""

    path: str


Piece = str | Hole


def parse_template(text: str) -> tuple[Piece, ...]:
    """The pieces of a template; one piece of text when it has no holes.

    Raises:
        Fault: a brace stands alone.
    """
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            message = f"the brace at character {at + 1} has no partner"
            raise MappingFault(Code.TEMPLATE, message, "write `{{` for a brace itself")
        if match["path"] is not None:
            pieces.append(Hole(match["path"].strip()))
        else:
            plain = match["text"] if match["text"] is not None else match["brace"][0]
            last = pieces[-1] if pieces else None
            if isinstance(last, str):
                pieces[-1] = last + plain
            else:
                pieces.append(plain)
        at = match.end()
    return tuple(pieces)
