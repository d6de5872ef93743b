"""Checks for features that only one of FullStory's two APIs supports."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from bridge.documents.document import dotted
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault
from bridge.mapping.language.grammar.file import MappingRule
from bridge.mapping.language.grammar.values import SessionSource
from bridge.mapping.language.privacy import check_never_send
from bridge.mapping.language.sources import check_record_source, places_of

Api = Literal["v1", "v2"]

_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
"""API v2 takes the integration as a header."""


def check_session(
    session: str | SessionSource | None, diagnostics: Diagnostics, api: Api, globs: Sequence[str]
) -> None:
    """Report mistakes in a session that the record names; `globs` must not be sent in clear."""
    if not isinstance(session, SessionSource):
        return
    used = session.sources
    if len(used) != 1:
        message = f"a session has exactly one of `url`, `device` and `id`, not {len(used)}"
        fix = "use one of `url`, `device` (v1), `id` (v2)"
        diagnostics.add(MappingFault(Code.SESSION_FORM, message, fix), ("session",))
    for name, source in used.items():
        check_record_source(source, "session", ("session", name), diagnostics)
        for place, text in places_of(source):
            with diagnostics.catch("session", name, *place):
                check_never_send(text, "the path", globs, fix="use another field")
        if api != ("v2" if name == "id" else "v1"):
            message = f"API {api} does not support a session by `{name}`"
            fix = "use `id` with v2 (it takes a session URL, too), `url` or `device` with v1"
            diagnostics.add(
                MappingFault(Code.SESSION_FORM, message, fix), ("session", name), key=True
            )


def check_user_is_known(session: str | SessionSource | None, diagnostics: Diagnostics) -> None:
    """Report a mapping without `uid`, unless its session identifies the user.

    If the API does not support the session, this is the only problem.
    """
    if isinstance(session, SessionSource) and session.identifies_user:
        return
    message = f"`{dotted((*diagnostics.base, 'uid'))}` is missing"
    diagnostics.add(MappingFault(Code.MISSING_KEY, message, "add `uid:`"), ("uid",), key=True)


def check_fields(form: MappingRule, diagnostics: Diagnostics, api: Api) -> None:
    """Report event fields that the API does not have, or whose value it cannot take."""
    if api == "v1":
        return
    if form.user_initiated is not None:
        message = f"API {api} has no field `user_initiated`"
        fault = MappingFault(Code.NOT_IN_API, message, "remove it")
        diagnostics.add(fault, ("user_initiated",), key=True)
    if form.integration is not None and _HEADER_VALUE.fullmatch(form.integration) is None:
        message = "`integration` must be 1 to 100 printable ASCII characters, without spaces at "
        fault = MappingFault(Code.WRONG_VALUE, f"{message}its ends", "write a name such as kafka")
        diagnostics.add(fault, ("integration",))
