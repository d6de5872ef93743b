"""The settings file as JSON Schema, for editors.

Invariants: nothing is required, since the environment can give any of it; a value that is no text
may be a reference to a variable; a section may be left empty.
"""

from typing import Final

from bridge.documents.json_schema import SchemaNode, export
from bridge.settings.model import Settings

_REFERENCE: Final[SchemaNode] = {
    "title": "from a variable",
    "type": "string",
    "pattern": r"^\$\{.+\}$",
}
_OUTSIDE: Final = ("description", "default")


def settings_schema() -> SchemaNode:
    """The schema of a settings file."""
    return export(Settings, "Settings of the FullStory Kafka bridge", _loosened)


def _loosened(node: SchemaNode) -> None:
    node.pop("required", None)
    properties = node.get("properties", {})
    for name, value in properties.items():
        if "$ref" in value or value.get("properties"):
            properties[name] = _with(value, {"type": "null"})
        elif not _takes_text(value):
            properties[name] = _with(value, _REFERENCE)
        if isinstance(value.get("description"), str):
            text = value["description"]
            properties[name]["description"] = text[0].upper() + text[1:]


def _with(value: SchemaNode, other: SchemaNode) -> SchemaNode:
    """The same, or the other; what is said of the whole stays outside."""
    outside: SchemaNode = {key: value[key] for key in _OUTSIDE if key in value}
    inside = {key: part for key, part in value.items() if key not in outside}
    branches = inside["anyOf"] if list(inside) == ["anyOf"] else [inside]
    return {**outside, "anyOf": [*branches, other]}


def _takes_text(value: SchemaNode) -> bool:
    """Whether a reference to a variable fits anyhow, or would make no sense."""
    if "anyOf" in value:
        return any(_takes_text(branch) for branch in value["anyOf"])
    if "$ref" in value or "$ref" in value.get("additionalProperties", {}):
        return True
    return value.get("type") == "string" and "enum" not in value and "const" not in value
