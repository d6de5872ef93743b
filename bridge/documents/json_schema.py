"""Exports a model as JSON Schema (draft 2020-12) for editors.

Invariants: the schema accepts everything that the model accepts. Short and long forms are `anyOf`
with a title each, so that an editor can offer both by name.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

SchemaNode = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without titles derived from field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        generated = super().tagged_union_schema(schema)
        branches = generated.pop("oneOf", [])
        generated.pop("discriminator", None)
        generated["anyOf"] = [_titled(branch) for branch in branches]
        return generated


def _titled(branch: SchemaNode) -> SchemaNode:
    """One branch of a value with a short and a long form, with its title."""
    if "$ref" in branch:
        return {"title": "long form", **branch}
    return {"title": "short form", **branch}


def export(
    model: type[BaseModel], title: str, change: Callable[[SchemaNode], None] | None = None
) -> SchemaNode:
    """The schema of a file; `change` is called with each of its subschemas, innermost first."""
    schema = model.model_json_schema(schema_generator=_Generator, mode="validation")
    definitions = schema.get("$defs", {})
    for node in list(_nodes(schema)):
        _tidy(node, definitions)
        if change is not None:
            change(node)
    head = {"$schema": DIALECT, "title": title}
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def _tidy(node: SchemaNode, definitions: dict[str, SchemaNode]) -> None:
    """Remove what pydantic adds, and give every key a description."""
    if "properties" in node:
        node.pop("title", None)
    if "$ref" in node:
        node.pop("default", None)  # it would repeat the whole section
        name = node["$ref"].rpartition("/")[2]
        if "description" not in node and "title" not in node:
            node["description"] = definitions[name]["description"]
    for key in ("format", "writeOnly"):  # pydantic's marks for secrets mean nothing to an editor
        node.pop(key, None)
    if node.get("type") != "string" and "minLength" in node:
        minimum = node.pop("minLength")
        if node.get("type") == "array":
            node["minItems"] = minimum


def _nodes(schema: Any) -> Iterator[SchemaNode]:
    """The schema and all its subschemas, innermost first."""
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
