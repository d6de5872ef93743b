"""The settings file as JSON Schema, for editors.

Invariants: no key is required, because the environment can set each of them; a value that is not
text can be a reference to a variable; a section can be empty.
"""

from typing import Final

from bridge.documents.json_schema import SchemaNode, export
from bridge.settings.model import Settings

_REFERENCE: Final[SchemaNode] = {
    "title": "from a variable",
    "type": "string",
    "pattern": r"^\$\{.+\}$",
}
_SHARED_KEYS: Final = ("description", "default")


def settings_schema() -> SchemaNode:
    """The schema of a settings file."""
    return export(Settings, "Settings of the FullStory Kafka bridge", _relax)


def _relax(node: SchemaNode) -> None:
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
    """`value` or `other`; description and default stay outside of the alternatives."""
    shared: SchemaNode = {key: value[key] for key in _SHARED_KEYS if key in value}
    own = {key: part for key, part in value.items() if key not in shared}
    branches = own["anyOf"] if list(own) == ["anyOf"] else [own]
    return {**shared, "anyOf": [*branches, other]}


def _takes_text(value: SchemaNode) -> bool:
    """Whether the value accepts any text, and so a reference, or cannot be a reference."""
    if "anyOf" in value:
        return any(_takes_text(branch) for branch in value["anyOf"])
    if "$ref" in value or "$ref" in value.get("additionalProperties", {}):
        return True
    return value.get("type") == "string" and "enum" not in value and "const" not in value
