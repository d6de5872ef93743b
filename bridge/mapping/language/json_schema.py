"""The mapping file's grammar as JSON Schema, for editors.

Invariants: this file repeats the filter's grammar, which has a parser and no model; a test compares
the two.
"""

from typing import Final

from bridge.documents.json_schema import SchemaNode, export
from bridge.mapping.language.grammar.file import MappingFile

_SCALAR: Final[SchemaNode] = {"type": ["string", "number", "boolean"]}
_BOUND: Final[SchemaNode] = {"type": ["string", "number"]}
_TEXT: Final[SchemaNode] = {"type": "string", "minLength": 1}
_OPERATORS: Final[dict[str, SchemaNode]] = {
    "exists": {
        "type": "boolean",
        "description": "`true`: there is a value. `false`: the value is missing.",
    },
    "prefix": {**_TEXT, "description": "Text that starts with this."},
    "suffix": {**_TEXT, "description": "Text that ends with this."},
    "anything_but": {
        "type": "array",
        "items": _SCALAR,
        "minItems": 1,
        "description": "A value that is not missing and not in this list.",
    },
    "equals_ignore_case": {
        **_TEXT,
        "description": "This text in uppercase, lowercase or mixed case.",
    },
    "above": {**_BOUND, "description": "Greater than, or later than."},
    "at_least": {**_BOUND, "description": "Greater than or equal to, or not earlier than."},
    "below": {**_BOUND, "description": "Less than, or earlier than."},
    "at_most": {**_BOUND, "description": "Less than or equal to, or not later than."},
}
_DEFINITIONS: Final[dict[str, SchemaNode]] = {
    "Operator": {
        "type": "object",
        "title": "operator",
        "description": "One operator, or several comparisons that must all hold.",
        "properties": _OPERATORS,
        "minProperties": 1,
        "additionalProperties": False,
    },
    "Test": {
        "description": "A literal, an operator, or a list of them of which one must hold.",
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
        "description": "Conditions: each key is a path. All conditions must hold.",
        "properties": {
            "any": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/Filter"},
                "description": "At least one of these filters matches.",
            },
            "all": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/Filter"},
                "description": "All of these filters match.",
            },
            "not": {"$ref": "#/$defs/Filter", "description": "This filter does not match."},
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
    """Remove null, which has no meaning in a mapping file, so that editors do not suggest it."""
    if node.get("default", 0) is None:
        del node["default"]
    branches = [branch for branch in node.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        del node["anyOf"]
        for key, value in branches[0].items():
            node.setdefault(key, value)
    elif branches:
        node["anyOf"] = branches
