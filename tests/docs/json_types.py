"""What a node of a JSON Schema allows, in the words of the page."""

import json
from typing import Any, Final

Node = dict[str, Any]

_PLURALS: Final = {"string": "strings", "object": "objects", "scalar": "scalars"}
_SCALARS: Final = frozenset({"string", "boolean", "number"})


def names_of(node: Node) -> list[str]:
    """The types and values that may stand in a place, each once."""
    found: dict[str, None] = {}
    for branch in node.get("anyOf", [node]):
        if branch.get("title") != "from a variable":
            found |= dict.fromkeys(_of_branch(branch))
    if "number" in found:
        found.pop("integer", None)
    if found.keys() >= _SCALARS:
        found = {"scalar": None, **{n: None for n in found if n not in _SCALARS}}
    if "`~`" in found:
        found["`~`"] = found.pop("`~`")
    return list(found)


def words_of(node: Node) -> str:
    """What may stand in a place: `string or list of strings`."""
    return listed(names_of(node))


def listed(names: list[str]) -> str:
    """Alternatives as English lists them."""
    if len(names) < 3:
        return " or ".join(names)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def shown(value: object) -> str:
    """A value as a person writes it in YAML."""
    if value is None:
        return "`~`"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _of_branch(node: Node) -> list[str]:
    if "$ref" in node:
        return ["object"]
    if "anyOf" in node:
        return names_of(node)
    if "enum" in node:
        return [shown(value) for value in node["enum"]]
    if "const" in node:
        return [shown(node["const"])]
    types = node.get("type", "any value")
    return [_of_type(name, node) for name in ([types] if isinstance(types, str) else types)]


def _of_type(name: str, node: Node) -> str:
    if name == "null":
        return "`~`"
    if name == "array":
        items = names_of(node.get("items", {}))
        plural = _PLURALS.get(items[0], items[0]) if len(items) == 1 else "scalars"
        return f"list of {plural}"
    return name + _range(node)


def _range(node: Node) -> str:
    low, above, high = (node.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None:
        return f", at least {low}" if high is None else f" from {low} to {high}"
    if above is not None:
        return f" above {above}, at most {high}"
    return ""
