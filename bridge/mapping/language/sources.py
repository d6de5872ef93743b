"""The paths of a source, and checks: there is one source, and its paths are well-formed."""

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath, MappingFault
from bridge.mapping.language.grammar.values import Source
from bridge.mapping.language.paths import parse_path
from bridge.mapping.language.templates import Placeholder, parse_template, template_paths


def places_of(source: Source) -> list[tuple[DocumentPath, str]]:
    """All paths of a source, each with its place; those of a malformed template are unknown."""
    if source.path is not None:
        return [(("path",), source.path)]
    if source.template is not None:
        return [(("template",), text) for text in template_paths(source.template)]
    return [(("first_of", index), text) for index, text in enumerate(source.first_of or ())]


def paths_of(source: Source) -> list[str]:
    """All paths of a source; those of a malformed template are unknown."""
    return [text for _, text in places_of(source)]


def check_source(
    source: Source, at: DocumentPath, diagnostics: Diagnostics, **others: object
) -> None:
    """Report a missing or second source, and malformed paths; `others` are further sources."""
    keys = {
        "path": source.path,
        **others,
        "template": source.template,
        "first_of": source.first_of,
    }
    _check_one(keys, at, diagnostics)
    if source.path is not None:
        check_path(source.path, (*at, "path"), diagnostics)
    for index, text in enumerate(source.first_of or ()):
        check_path(text, (*at, "first_of", index), diagnostics)
    with diagnostics.catch(*at, "template"):
        for piece in parse_template(source.template or ""):
            if isinstance(piece, Placeholder):
                parse_path(piece.path)


def check_record_source(
    source: Source, what: str, at: DocumentPath, diagnostics: Diagnostics
) -> None:
    """As `check_source`, and report a template that is the same for every record."""
    check_source(source, at, diagnostics)
    with diagnostics.catch(*at, "template"):
        pieces = () if source.template is None else parse_template(source.template)
        if pieces and not any(isinstance(piece, Placeholder) for piece in pieces):
            message = f"the template has no path: every record would have the same {what}"
            raise MappingFault(Code.TEMPLATE, message, "put a path in braces, such as {id}")


def check_path(text: str, at: DocumentPath, diagnostics: Diagnostics) -> None:
    """Report text that is not a path."""
    with diagnostics.catch(*at):
        parse_path(text)


def _check_one(keys: dict[str, object], at: DocumentPath, diagnostics: Diagnostics) -> None:
    named = [name for name, value in keys.items() if value is not None]
    if len(named) == 1:
        return
    listed = ", ".join(f"`{name}`" for name in keys)
    what = " and ".join(f"`{name}`" for name in named)
    message = f"{what} cannot be combined" if named else "the value has no source"
    diagnostics.add(MappingFault(Code.ONE_SOURCE, message, f"use exactly one of {listed}"), at)
