"""What every code means: a paragraph each, behind `check --explain M012`.

Invariants: every code that can be told has a paragraph, and no paragraph is without its code; a
test holds both. The codes of files (`D`), tests (`T`) and commands (`C`) have their titles here,
those of the mapping and the settings beside their codes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.explanations.mapping import MAPPING
from bridge.explanations.settings import SETTINGS

TITLES: Final[Mapping[str, str]] = {
    "D001": "the file is too large",
    "D002": "the file is not text",
    "D003": "this is not YAML",
    "D004": "nested too deeply",
    "D005": "aliases expand too far",
    "D006": "an alias without its anchor",
    "D007": "a key twice",
    "D008": "a key that is not text",
    "D009": "a merge key",
    "D010": "a tag",
    "D011": "several documents in one file",
    "D012": "an empty file",
    "D013": "a number that cannot be held",
    "T001": "nobody tests this mapping",
    "T002": "a test fails",
    "C001": "a mapping file cannot be read",
    "C002": "the Schema Registry does not answer",
    "C003": "the registry has no such subject",
    "C004": "a schema cannot be used",
    "C005": "the bridge would refuse to start",
}
"""One line for each code that has its title nowhere else."""

_FILES: Final[Mapping[str, str]] = {
    "D001": (
        "A file has at most 1 MiB, which is room for thousands of mappings. Split it; `mappings` "
        "in the settings takes several files."
    ),
    "D002": (
        "The file holds a character that no text file has, such as a null byte; it may be saved "
        "in another encoding. Save it as UTF-8."
    ),
    "D003": (
        "The file could not be read as YAML from here on. The usual causes are an indent that "
        "does not fit, text with `: ` or braces that is not quoted, and a quote or bracket that "
        "is never closed."
    ),
    "D004": (
        "Lists and objects stand within each other more than 64 levels deep, which no file "
        "written by hand needs."
    ),
    "D005": (
        "Anchors (`&name`) and aliases (`*name`) save writing, and here they would add more than "
        "10,000 values, or stand inside of themselves."
    ),
    "D006": (
        "`*name` repeats what `&name` marked before it, and nothing is marked so. Text that "
        "begins with an asterisk must be quoted."
    ),
    "D007": (
        "A key stands twice in one object. Most YAML readers take the last one and say nothing; "
        "here it is a mistake, because the first one was meant too."
    ),
    "D008": (
        "Keys are text. YAML reads a bare number, true or null as something else; put it in quotes."
    ),
    "D009": (
        "`<<` is an extension that YAML 1.2 does not have, and readers differ in what it does. "
        "Write the keys out."
    ),
    "D010": (
        "Tags as `!!str` change how a value is read, in ways that are easy to miss. Quotes make "
        "text of a value; nothing else is needed."
    ),
    "D011": "`---` begins another document, and one file holds one. Move it to a file of its own.",
    "D012": "The file holds nothing, or comments only: not a single mapping or setting.",
    "D013": (
        "The number has more digits than any field of a schema, or is beyond what a double can "
        "hold. Quote it if it is text."
    ),
    "T001": (
        "A test beside the mappings shows what the mapping is for and fails when somebody breaks "
        "it. Write a record and what must become of it below `tests:`; a test that names the "
        "mapping in its `expect` counts. It is a warning; `--strict` makes it an error."
    ),
    "T002": (
        "A test in the mapping file expects something else than what comes out, or its record "
        "does not fit the schema. `fullstory-bridge test` shows every difference, and for a "
        "filter that did not match, the clause that did not hold."
    ),
    "C001": "The file may not be read by this user, or is not UTF-8 text. Save it as UTF-8.",
    "C002": (
        "The mappings were checked by themselves, and not against the schemas that are "
        "registered. Name schemas with `--schema topic=file.avsc`, or try again when the registry "
        "can be reached."
    ),
    "C003": (
        "Nothing is registered for the topic yet, or under another subject: `avro.subject` in the "
        "settings says how a subject is named after its topic."
    ),
    "C004": (
        "A schema of the subject, or in a file of the settings, is no Avro schema that a record "
        "could be read with. Records that were written with it would be dead letters."
    ),
    "C005": (
        "Settings and mappings are right one by one, and do not go together: librdkafka refuses a "
        "value, `mappings_off` names no mapping, or all mappings are off. The message is the one "
        "with which `run` would end."
    ),
}

EXPLANATIONS: Final[Mapping[str, str]] = MappingProxyType({**MAPPING, **SETTINGS, **_FILES})
"""The paragraphs by code."""
