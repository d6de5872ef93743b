"""The results as an SVG with bars: one chart per row, and the conditions below."""

from html import escape
from typing import Any, Final

from tests.bench.report import COLUMNS

_WIDTH: Final = 760
_LABELS: Final = 210
_BARS: Final = 400
_BAR: Final = 16
_STEP: Final = 24
_GAP: Final = 22
_TITLE: Final = 26
_LINE: Final = 17
_OURS: Final = "#4a3aa7"
_OTHER: Final = "#b4b2c4"
_STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #26242e }
  .title { font-weight: 600 }
  .dim { fill: #6b6878; font-size: 11px }
"""


def draw(results: dict[str, Any]) -> str:
    """The text of the SVG file."""
    parts: list[str] = []
    y = _GAP
    for row in results["rows"]:
        drawn = [one for one in row["candidates"] if row["chief"] in one["figures"]]
        if drawn:
            parts += _chart(row, drawn, y)
            y += _TITLE + len(drawn) * _STEP + _GAP
    for name, text in results["conditions"].items():
        parts.append(_text(16, y, f"{name}: {text}", "dim"))
        y += _LINE
    size = f'width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    ground = f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", ground, *parts, "</svg>", ""])


def _chart(row: dict[str, Any], drawn: list[dict[str, Any]], top: int) -> list[str]:
    main_figure = row["chief"]
    column = COLUMNS[main_figure]
    heading = f"{row['unit']} per second" if main_figure == "per_s" else column.heading
    parts = [_text(16, top, f"{row['title']}: {heading}", "title")]
    most = max(one["figures"][main_figure]["high"] for one in drawn)
    for number, one in enumerate(drawn):
        y = top + _TITLE - _BAR + number * _STEP
        figure = one["figures"][main_figure]
        length = max(1.0, figure["median"] / most * _BARS)
        color = _OTHER if number else _OURS
        middle = y + _BAR - 4
        parts += [
            _text(16, middle, one["name"]),
            f'<rect x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>',
            _spread(figure, most, y),
            _text(
                _LABELS + int(figure["high"] / most * _BARS) + 8,
                middle,
                _written(figure, main_figure),
            ),
        ]
    return parts


def _spread(figure: dict[str, float], most: float, y: int) -> str:
    """A thin line from the lowest to the highest run."""
    low, high = (_LABELS + figure[key] / most * _BARS for key in ("low", "high"))
    middle = y + _BAR / 2
    place = f'x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"'
    return f'<line {place} stroke="#26242e" stroke-width="1.5"/>'


def _written(figure: dict[str, float], key: str) -> str:
    return COLUMNS[key].written(figure["median"])


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(text)}</text>'
