"""Which keys a model knows at a path: what "did you mean" chooses from."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from bridge.documents.document import DataPath
from bridge.documents.tree import YamlStep


def field_names(model: type[BaseModel], path: DataPath) -> list[str]:
    """The keys that may stand in the object at `path`, over all branches of unions."""
    shapes: list[Any] = [model]
    for step in path:
        shapes = [below for shape in shapes for one in _flat(shape) for below in _below(one, step)]
    return [name for shape in shapes for one in _flat(shape) for name in _names(one)]


def _names(shape: Any) -> Iterator[str]:
    if _is_model(shape):
        for name, field in shape.model_fields.items():
            yield _key(name, field)


def _below(shape: Any, step: YamlStep) -> Iterator[Any]:
    """What may stand at `step` inside of one shape."""
    if _is_model(shape):
        for name, field in shape.model_fields.items():
            if step == _key(name, field):
                yield field.annotation
    elif isinstance(step, int):
        yield from get_args(shape)
    else:
        yield from get_args(shape)[1:]


def _flat(shape: Any) -> Iterator[Any]:
    """The shape itself, or the branches of a union, with aliases and annotations taken off."""
    aliased = getattr(shape, "__value__", None)
    if aliased is not None:
        yield from _flat(aliased)
    elif get_origin(shape) is Annotated:
        yield from _flat(get_args(shape)[0])
    elif get_origin(shape) in (Union, UnionType):
        for branch in get_args(shape):
            yield from _flat(branch)
    elif _is_model(shape) and issubclass(shape, RootModel):
        yield from _flat(shape.model_fields["root"].annotation)
    else:
        yield shape


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _key(name: str, field: FieldInfo) -> str:
    """What the field is called in a file."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name
