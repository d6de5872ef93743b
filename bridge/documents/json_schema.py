"""A model as JSON Schema (draft 2020-12) for editors: what may stand where, and what it means.

Invariants: the schema refuses nothing that the model takes. Short and long forms are `anyOf` with a
title each, so that an editor can offer both by name.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

SchemaNode = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without titles made of field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        branches = made.pop("oneOf", [])
        made.pop("discriminator", None)
        made["anyOf"] = [_titled(branch) for branch in branches]
        return made


def _titled(branch: SchemaNode) -> SchemaNode:
    """One form of a value that can be written short or long, with its name."""
    if "$ref" in branch:
        return {"title": "long form", **branch}
    return {"title": "short form", **branch}


def export(
    model: type[BaseModel], title: str, change: Callable[[SchemaNode], None] | None = None
) -> SchemaNode:
    """The schema of a file; `change` is called with every schema in it, innermost first."""
    made = model.model_json_schema(schema_generator=_Generator, mode="validation")
    definitions = made.get("$defs", {})
    for node in list(_nodes(made)):
        _tidy(node, definitions)
        if change is not None:
            change(node)
    head = {"$schema": DIALECT, "title": title}
    return {**head, **{key: value for key, value in made.items() if key not in head}}


def _tidy(node: SchemaNode, definitions: dict[str, SchemaNode]) -> None:
    """Pydantic's own words out, and a description for every key."""
    if "properties" in node:
        node.pop("title", None)
    if "$ref" in node:
        node.pop("default", None)  # the whole section once more
        name = node["$ref"].rpartition("/")[2]
        if "description" not in node and "title" not in node:
            node["description"] = definitions[name]["description"]
    for key in ("format", "writeOnly"):  # pydantic's marks of a secret mean nothing to an editor
        node.pop(key, None)
    if node.get("type") != "string" and "minLength" in node:
        least = node.pop("minLength")
        if node.get("type") == "array":
            node["minItems"] = least


def _nodes(schema: Any) -> Iterator[SchemaNode]:
    """Every schema within a schema, innermost first."""
    if not isinstance(schema, dict):
        return
    for key in ("properties", "$defs", "patternProperties"):
        for below in schema.get(key, {}).values():
            yield from _nodes(below)
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        for below in schema.get(key, ()):
            yield from _nodes(below)
    for key in ("items", "additionalProperties", "not"):
        yield from _nodes(schema.get(key))
    yield schema
