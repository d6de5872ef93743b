"""The keys that a model has at a path: the candidates for "did you mean"."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from bridge.documents.document import DataPath
from bridge.documents.tree import YamlStep


def field_names(model: type[BaseModel], path: DataPath) -> list[str]:
    """The keys that the object at `path` can have, in all branches of unions."""
    annotations: list[Any] = list(_flat(model))
    for step in path:
        below = [inner for annotation in annotations for inner in _below(annotation, step)]
        annotations = [branch for annotation in below for branch in _flat(annotation)]
    return [name for annotation in annotations for name in _names(annotation)]


def _names(annotation: Any) -> Iterator[str]:
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            yield _key(name, field)


def _below(annotation: Any, step: YamlStep) -> Iterator[Any]:
    """The annotations that `step` can lead to inside one annotation."""
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if step == _key(name, field):
                yield field.annotation
    elif isinstance(step, int):
        yield from get_args(annotation)
    else:
        yield from get_args(annotation)[1:]


def _flat(annotation: Any) -> Iterator[Any]:
    """The annotation itself or the branches of a union, without aliases and `Annotated`."""
    aliased = getattr(annotation, "__value__", None)
    if aliased is not None:
        yield from _flat(aliased)
    elif get_origin(annotation) is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for branch in get_args(annotation):
            yield from _flat(branch)
    elif _is_model(annotation) and issubclass(annotation, RootModel):
        yield from _flat(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _key(name: str, field: FieldInfo) -> str:
    """The name of the field in a file."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name
