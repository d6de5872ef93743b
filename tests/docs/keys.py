"""Tables of the mapping language, from the models and lists of the code."""

from typing import Any

from bridge.mapping.language.grammar.values import CONVERTERS
from bridge.mapping.language.json_schema import mapping_schema
from bridge.mapping.language.privacy import BUILT_IN, GUESSABLE
from bridge.mapping.runtime.placeholder_ids import PLACEHOLDER_IDS
from tests.docs.json_types import Node, shown, words_of
from tests.docs.page import table

_MODELS = {
    "file keys": "MappingFile",
    "defaults keys": "Defaults",
    "mapping keys": "MappingRule",
    "uid keys": "LongUid",
    "event keys": "EventTable",
    "timestamp keys": "LongTimestamp",
    "session keys": "SessionSource",
    "sample keys": "Sample",
    "test keys": "FileTest",
    "input keys": "InputRecord",
    "expect keys": "Expectation",
    "filter operators": "Operator",
}
_SOURCES = ("path", "first_of", "template", "const", "default", "optional")
_HEADS = ("Key", "Value", "Default", "Description")
STEPS = (
    ("count", "sum", "min", "max", "max_items"),
    ("case",),
    ("values", "else"),
    ("scale",),
    ("type", "format", "zone"),
    ("redact", "hash"),
)
"""The converters in their order; those of one step belong together or exclude each other."""


def key_sections() -> dict[str, str]:
    """The tables of keys and lists, by the name of their section."""
    schema = mapping_schema()
    models: dict[str, Node] = {**schema["$defs"], "MappingFile": schema}
    found = {name: _keys(models[model]) for name, model in _MODELS.items()}
    value = models["LongValue"]
    found["property keys"] = _keys(value, _SOURCES)
    found["converters"] = _converters(value)
    found["excluded pairs"] = _pairs()
    found["never send"] = _listed(BUILT_IN)
    found["guessable"] = _listed(tuple(glob for glob in GUESSABLE if glob not in BUILT_IN))
    found["nobody"] = _listed(sorted(name for name in PLACEHOLDER_IDS if name))
    return found


def _keys(model: Node, names: tuple[str, ...] = ()) -> str:
    properties: dict[str, Any] = model["properties"]
    required = model.get("required", ())
    rows = [
        (f"`{name}`", words_of(node), _default(name, node, required), node["description"])
        for name in names or properties
        for node in [properties[name]]
    ]
    if not any(default for _, _, default, _ in rows):
        return table(_HEADS[:2] + _HEADS[3:], [(row[0], row[1], row[3]) for row in rows])
    return table(_HEADS, rows)


def _converters(model: Node) -> str:
    rows = []
    for number, names in enumerate(STEPS, start=1):
        for name in names:
            node = model["properties"][name]
            rows.append((str(number), f"`{name}`", words_of(node), node["description"]))
    return table(("Step", "Key", "Value", "Description"), rows)


def _default(name: str, node: Node, required: object) -> str:
    if isinstance(required, list | tuple) and name in required:
        return "required"
    return shown(node["default"]) if "default" in node else ""


def _pairs() -> str:
    rows = [
        (f"`{name}`", f"`{other}`") for name, one in CONVERTERS.items() for other in one.excludes
    ]
    return table(("Key", "Not together with"), rows)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
