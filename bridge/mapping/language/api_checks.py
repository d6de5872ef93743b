"""What one of FullStory's two APIs can say and the other cannot."""

from typing import Literal

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault
from bridge.mapping.language.grammar import MappingRule, SessionPath
from bridge.mapping.language.paths import parse_path

Api = Literal["v1", "v2"]


def check_session(session: str | SessionPath | None, diagnostics: Diagnostics, api: Api) -> None:
    """Tell what is wrong with a session that the record names."""
    if not isinstance(session, SessionPath):
        return
    named = {"url": session.url, "device": session.device, "id": session.id}
    used = {name: path for name, path in named.items() if path is not None}
    if len(used) != 1:
        message = f"a session is named in one way, here in {len(used)}"
        fix = "name one of `url`, `device` (v1), `id` (v2)"
        diagnostics.add(MappingFault(Code.SESSION_FORM, message, fix), ("session",))
    for name, path in used.items():
        with diagnostics.catch("session", name):
            parse_path(path)
        if api != ("v2" if name == "id" else "v1"):
            message = f"API {api} knows no session by `{name}`"
            fix = "`id` is v2's, `url` and `device` are v1's; `recent` fits both"
            diagnostics.add(
                MappingFault(Code.SESSION_FORM, message, fix), ("session", name), key=True
            )


def check_fields(form: MappingRule, diagnostics: Diagnostics, api: Api) -> None:
    """Tell which fields of an event the API does not have."""
    if api == "v1":
        return
    for name in ("user_initiated", "integration"):
        if getattr(form, name) is not None:
            message = f"API {api} knows no `{name}`"
            diagnostics.add(MappingFault(Code.NOT_IN_API, message, "remove it"), (name,), key=True)
