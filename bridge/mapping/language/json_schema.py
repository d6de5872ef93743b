"""The mapping file's grammar as JSON Schema, for editors.

Law: what the filter's grammar takes is written here a second time, because its model is its
parser; a test holds the two together.
"""

from typing import Final

from bridge.documents.json_schema import SchemaNode, export
from bridge.mapping.language.grammar import MappingFile

_SCALAR: Final[SchemaNode] = {"type": ["string", "number", "boolean"]}
_BOUND: Final[SchemaNode] = {"type": ["string", "number"]}
_TEXT: Final[SchemaNode] = {"type": "string", "minLength": 1}
_OPERATORS: Final[dict[str, SchemaNode]] = {
    "exists": {"type": "boolean", "description": "Whether there is a value."},
    "prefix": {**_TEXT, "description": "Text that begins so."},
    "suffix": {**_TEXT, "description": "Text that ends so."},
    "anything_but": {
        "type": "array",
        "items": _SCALAR,
        "minItems": 1,
        "description": "A value that is none of these; it must be there.",
    },
    "equals_ignore_case": {**_TEXT, "description": "This text, in capitals or small letters."},
    "above": {**_BOUND, "description": "More than, or later than."},
    "at_least": {**_BOUND, "description": "This or more, this or later."},
    "below": {**_BOUND, "description": "Less than, or earlier than."},
    "at_most": {**_BOUND, "description": "This or less, this or earlier."},
}
_DEFINITIONS: Final[dict[str, SchemaNode]] = {
    "Operator": {
        "type": "object",
        "title": "operator",
        "description": "One operator, or comparisons together.",
        "properties": _OPERATORS,
        "minProperties": 1,
        "additionalProperties": False,
    },
    "Test": {
        "description": "What the value must be: a literal, an operator, or one of a list.",
        "anyOf": [
            {"title": "literal", **_SCALAR},
            {"$ref": "#/$defs/Operator"},
            {
                "title": "one of these",
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [_SCALAR, {"$ref": "#/$defs/Operator"}]},
            },
        ],
    },
    "Filter": {
        "type": "object",
        "description": "Paths to what their values must be; all of them count.",
        "properties": {
            "any": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/Filter"},
                "description": "At least one of these filters.",
            },
            "all": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/Filter"},
                "description": "Every one of these filters.",
            },
            "not": {"$ref": "#/$defs/Filter", "description": "Not this filter."},
        },
        "additionalProperties": {"$ref": "#/$defs/Test"},
    },
}


def mapping_schema() -> SchemaNode:
    """The schema of a mapping file."""
    made = export(MappingFile, "Mapping file of the FullStory Kafka bridge", _without_null)
    made["$defs"] = dict(sorted({**made["$defs"], **_DEFINITIONS}.items()))
    rule = made["$defs"]["MappingRule"]["properties"]
    description = rule["filter"]["description"]
    rule["filter"] = {"$ref": "#/$defs/Filter", "description": description}
    return made


def _without_null(node: SchemaNode) -> None:
    """Null says nothing in a mapping file, so no editor shall offer it."""
    if node.get("default", 0) is None:
        del node["default"]
    branches = [branch for branch in node.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        del node["anyOf"]
        for key, value in branches[0].items():
            node.setdefault(key, value)
    elif branches:
        node["anyOf"] = branches
