"""Drafts of records, for the tests of what a draft guesses."""

import json
from collections.abc import Mapping
from typing import Any

from bridge.mapping.drafting.draft import Draft, draft_mappings
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.schema.parser import parse_schema


def record(name: str, **types: Any) -> dict[str, Any]:
    """A record type with these fields."""
    fields = [{"name": field, "type": type_} for field, type_ in types.items()]
    return {"type": "record", "name": name, "fields": fields}


def draft(
    *observed_values: Mapping[str, Any],
    options: Options = NO_OPTIONS,
    name: str = "shop.Order",
    **types: Any,
) -> Draft:
    """The draft for a record with these fields and these observed values."""
    observed = ObservedValues()
    for value in observed_values:
        observed.note(value, b"key-1")
    schema = parse_schema(json.dumps(record(name, **types)))
    (result,) = draft_mappings("orders", schema, observed, options)
    return result


def properties(result: Draft) -> dict[str, Any]:
    """The drafted properties by name."""
    return {line.target: line.form for line in result.properties}
