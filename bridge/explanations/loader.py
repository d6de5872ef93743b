"""What every code means: the paragraphs that `check --explain M012` prints.

The paragraphs are in the Markdown files of this package: a `## M012` heading for each code, then
its paragraph. `mapping.md` and `settings.md` are for the codes of mappings and settings. `other.md`
is for the codes of files (`D`), tests (`T`) and commands (`C`), which have their titles here.

Invariants: every code that the bridge can report has a paragraph, and every paragraph has a code;
a test checks both.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

TITLES: Final[Mapping[str, str]] = {
    "D001": "the file is too large",
    "D002": "the file is not text",
    "D003": "the file is not valid YAML",
    "D004": "nested too deeply",
    "D005": "aliases expand too far",
    "D006": "an alias without its anchor",
    "D007": "a duplicate key",
    "D008": "a key that is not text",
    "D009": "a merge key",
    "D010": "a tag",
    "D011": "several documents in one file",
    "D012": "an empty file",
    "D013": "a number that is out of range",
    "T001": "no test covers this mapping",
    "T002": "a test fails",
    "C001": "a mapping file cannot be read",
    "C002": "the Schema Registry does not answer",
    "C003": "the registry has no such subject",
    "C004": "a schema cannot be used",
    "C005": "the bridge would refuse to start",
}
"""One line for each code whose title is defined nowhere else."""

_FILES: Final = ("mapping.md", "settings.md", "other.md")


def _read(name: str) -> Iterator[tuple[str, str]]:
    """The codes of one Markdown file, each with its paragraph on one line."""
    text = files("bridge.explanations").joinpath(name).read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        code, _, paragraph = section.partition("\n")
        yield code.strip(), " ".join(paragraph.split())


EXPLANATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {code: paragraph for name in _FILES for code, paragraph in _read(name)}
)
"""The paragraphs by code."""
