"""Tables of the settings, from their models."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.documents.document import DataPath, dotted
from bridge.settings.json_schema import settings_schema
from bridge.settings.model import MIB, Settings
from bridge.settings.reference import _model_in
from bridge.settings.sections.avro import TopicCodec
from bridge.settings.sections.kafka import _FROM_JAVA, OWNED, REQUIRED
from bridge.settings.sources.environment import KEY_PATH, KEY_VARIABLE, variable_name
from tests.docs.json_types import Node, names_of, shown, words_of
from tests.docs.page import table

_HEADS = ("Setting", "Type", "Default", "Description", "Environment variable")
_DAY_S = 86_400


class Setting(NamedTuple):
    """One setting: where it stands, its field, and its node in the JSON Schema."""

    path: DataPath
    field: FieldInfo
    node: Node


def settings_sections() -> dict[str, str]:
    """The tables of settings, by the name of their section."""
    rows: dict[str, list[tuple[str, ...]]] = {"settings general": [], "settings kafka": _kafka()}
    for setting in all_settings():
        section = "general" if len(setting.path) == 1 else str(setting.path[0])
        rows.setdefault(f"settings {section}", []).append(_row(setting))
    found = {name: table(_HEADS, lines) for name, lines in rows.items()}
    found["owned keys"] = table(
        ("Key", "Why"), [(f"`{key}`", f"{why[0].upper()}{why[1:]}.") for key, why in OWNED.items()]
    )
    found["java keys"] = table(
        ("Java client", "Here"), [(f"`{key}`", here) for key, here in _FROM_JAVA.items()]
    )
    return found


def all_settings() -> Iterator[Setting]:
    """Every setting but the keys of `kafka`, those of one topic's codec with `NAME` in the path."""
    schema = settings_schema()
    yield from _of_model(Settings, schema, (), schema["$defs"])


def _of_model(
    model: type[BaseModel], node: Node, path: DataPath, models: dict[str, Node]
) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = (*path, key)
        below = _model_in(field.annotation)
        if here == ("kafka",):
            continue
        if here == ("avro", "topics"):
            below, here = TopicCodec, (*here, "NAME")
        if below is None:
            yield Setting(here, field, node["properties"][key])
        else:
            yield from _of_model(below, models[below.__name__], here, models)


def _row(setting: Setting) -> tuple[str, ...]:
    path, field, node = setting
    variable = f"`{variable_name(path)}`"
    if "NAME" in path:
        variable = "settings file only"
    if path == KEY_PATH:
        variable += f" or `{KEY_VARIABLE}`"
    described = field.description or ""
    return f"`{dotted(path)}`", words_of(node), _default(setting), described, variable


def _default(setting: Setting) -> str:
    if setting.field.is_required():
        return "required"
    value: Any = setting.field.get_default(call_default_factory=True)
    if isinstance(value, int | float) and "string" in names_of(setting.node):
        if value % MIB == 0:
            return f"`{value // MIB:g}MiB`"
        if value % _DAY_S == 0:
            return f"`{value // _DAY_S:g}d`"
    return shown(value)


def _kafka() -> list[tuple[str, ...]]:
    return [
        (f"`kafka.{key}`", "string", "required", f"{text[0].upper()}{text[1:]}.", f"`{variable}`")
        for key, text in REQUIRED.items()
        for variable in [variable_name(("kafka", key))]
    ]
