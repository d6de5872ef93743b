"""What can only be seen over all mappings and all schema versions together."""

from collections.abc import Iterable

from bridge.documents.problems import Problem
from bridge.mapping.language.codes import Code
from bridge.mapping.runtime.plan import Plan, TypedProperty

Types = dict[tuple[str, str], TypedProperty]
"""The type of each property (event, name) that is known so far."""


def check_type_conflicts(plans: Iterable[Plan]) -> tuple[Problem, ...]:
    """One problem for each property of an event that has two types.

    For FullStory a property of another type is another property, so that half of the events
    would be missing in every search.
    """
    known: Types = {}
    problems: dict[Problem, None] = {}
    for plan in plans:
        problems |= dict.fromkeys(conflicts(plan.typed, known))
    return tuple(problems)


def conflicts(found: Iterable[TypedProperty], known: Types) -> list[Problem]:
    """The problems of properties whose type is known to be another; the others become known."""
    return [
        _conflict(typed, other)
        for typed in found
        if (other := known.setdefault((typed.event, typed.property), typed)).type != typed.type
    ]


def _conflict(typed: TypedProperty, other: TypedProperty) -> Problem:
    message = (
        f"`{typed.property}` of the event `{typed.event}` is `{typed.type}` here"
        f" and `{other.type}` at {other.place}"
    )
    if other.place == typed.place:
        message = (
            f"`{typed.property}` of the event `{typed.event}` is `{typed.type}` in one schema"
            f" and `{other.type}` in another"
        )
    fix = "`type:` makes both the same; or use another name"
    return Problem(
        Code.TYPE_CONFLICT.value, message, typed.place, fix, source_line=typed.source_line
    )
