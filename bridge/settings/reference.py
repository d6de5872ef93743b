"""The description of each setting, from the model."""

from typing import Any

from pydantic import BaseModel

from bridge.documents.document import DataPath
from bridge.settings.model import Settings


def described(path: DataPath) -> str:
    """The description of the setting at a path of names; empty if there is none."""
    model: Any = Settings
    text = ""
    for step in path:
        if not isinstance(model, type) or not issubclass(model, BaseModel):
            return text
        field = next(
            (field for name, field in model.model_fields.items() if step in (name, field.alias)),
            None,
        )
        if field is None:
            return text
        text = field.description or ""
        model = _model_in(field.annotation)
    return text


def _model_in(annotation: Any) -> Any:
    """The section in an annotation such as `Registry | None`."""
    parts = [annotation, *getattr(annotation, "__args__", ())]
    return next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), None)
