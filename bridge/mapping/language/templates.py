"""Templates such as `Order {status}`; `{{` and `}}` are literal braces."""

import re
from dataclasses import dataclass

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault

_PIECE = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<path>[^{}]+)\}|(?P<text>[^{}]+)")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A path in braces; the value at the path replaces it."""

    path: str


Piece = str | Placeholder


def parse_template(text: str) -> tuple[Piece, ...]:
    """The pieces of a template; a single text if it has no placeholders.

    Raises:
        MappingFault: a brace is unmatched.
    """
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            message = f"the brace at character {at + 1} is unmatched"
            raise MappingFault(Code.TEMPLATE, message, "write `{{` for a literal brace")
        if match["path"] is not None:
            pieces.append(Placeholder(match["path"].strip()))
        else:
            plain = match["text"] if match["text"] is not None else match["brace"][0]
            last = pieces[-1] if pieces else None
            if isinstance(last, str):
                pieces[-1] = last + plain
            else:
                pieces.append(plain)
        at = match.end()
    return tuple(pieces)


def template_paths(text: str) -> list[str]:
    """The paths of a template; none if it is malformed."""
    try:
        return [piece.path for piece in parse_template(text) if isinstance(piece, Placeholder)]
    except MappingFault:
        return []
