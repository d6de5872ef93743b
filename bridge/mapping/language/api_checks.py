"""Checks for features that only one of FullStory's two APIs supports."""

from typing import Literal

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault
from bridge.mapping.language.grammar import MappingRule, SessionPath
from bridge.mapping.language.paths import parse_path

Api = Literal["v1", "v2"]


def check_session(session: str | SessionPath | None, diagnostics: Diagnostics, api: Api) -> None:
    """Report mistakes in a session that the record names."""
    if not isinstance(session, SessionPath):
        return
    named = {"url": session.url, "device": session.device, "id": session.id}
    used = {name: path for name, path in named.items() if path is not None}
    if len(used) != 1:
        message = f"a session has exactly one of `url`, `device` and `id`, not {len(used)}"
        fix = "use one of `url`, `device` (v1), `id` (v2)"
        diagnostics.add(MappingFault(Code.SESSION_FORM, message, fix), ("session",))
    for name, path in used.items():
        with diagnostics.catch("session", name):
            parse_path(path)
        if api != ("v2" if name == "id" else "v1"):
            message = f"API {api} does not support a session by `{name}`"
            fix = "use `id` with v2, `url` or `device` with v1; `recent` works with both"
            diagnostics.add(
                MappingFault(Code.SESSION_FORM, message, fix), ("session", name), key=True
            )


def check_fields(form: MappingRule, diagnostics: Diagnostics, api: Api) -> None:
    """Report the event fields that the API does not have."""
    if api == "v1":
        return
    for name in ("user_initiated", "integration"):
        if getattr(form, name) is not None:
            message = f"API {api} has no field `{name}`"
            diagnostics.add(MappingFault(Code.NOT_IN_API, message, "remove it"), (name,), key=True)
