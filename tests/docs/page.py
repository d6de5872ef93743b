"""The reference page: its generated sections, and its fenced blocks with their labels.

A generated section stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. A fenced block
may carry labels behind its language: ```yaml mapping=first```.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "schemas" / "README.md"

_SECTION = re.compile(
    r"(?P<begin><!-- (?P<name>[\w ]+): begin -->\n)(?P<body>.*?)(?P<end><!-- (?P=name): end -->)",
    re.DOTALL,
)
_BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its labels, its text and the line that it begins on."""

    language: str
    labels: Mapping[str, str]
    text: str
    line: int


def read_page() -> str:
    """The text of the page."""
    return PAGE.read_text(encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """The generated sections of a page, by name."""
    return {match["name"]: match["body"].strip("\n") for match in _SECTION.finditer(page)}


def with_sections(page: str, bodies: Mapping[str, str]) -> str:
    """The page with new bodies in its sections; a section without one stays as it is."""

    def changed(match: re.Match[str]) -> str:
        body = bodies.get(match["name"])
        if body is None:
            return match[0]
        return f"{match['begin']}\n{body}\n\n{match['end']}"

    return _SECTION.sub(changed, page)


def blocks(page: str) -> list[Block]:
    """All fenced blocks that have labels, in the order of the page."""
    found = []
    for match in _BLOCK.finditer(page):
        language, *labels = match["info"].split()
        if labels:
            line = page.count("\n", 0, match.start()) + 1
            named = dict(label.split("=", 1) for label in labels)
            found.append(Block(language, named, match["text"], line))
    return found


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
