"""Properties whose type differs between mappings or between schema versions."""

from collections.abc import Iterable
from dataclasses import replace

from bridge.documents.problems import Problem
from bridge.mapping.language.codes import Code
from bridge.mapping.language.property_names import objects_of
from bridge.mapping.runtime.plan import Plan, TypedProperty

Types = dict[tuple[str, str], TypedProperty]
"""The known type of each property, by event and property name."""


def check_type_conflicts(plans: Iterable[Plan]) -> tuple[Problem, ...]:
    """One problem for each property of an event that has two types.

    FullStory treats a property with another type as another property, so half of the events would
    be missing from every search.
    """
    known: Types = {}
    problems: dict[Problem, None] = {}
    for plan in plans:
        problems |= dict.fromkeys(conflicts(plan.typed, known))
    return tuple(problems)


def conflicts(found: Iterable[TypedProperty], known: Types) -> list[Problem]:
    """The properties whose known type differs, as problems; the others are added to `known`."""
    return [
        _conflict(one, other)
        for typed in found
        for one in (*_objects(typed), typed)
        if (other := known.setdefault((one.event, one.property), one)).type != one.type
    ]


def _objects(typed: TypedProperty) -> list[TypedProperty]:
    """The objects that a property is in: none of them can be a value in another mapping."""
    return [replace(typed, property=name, type="object") for name in objects_of(typed.property)]


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
    fix = "use `type:` to make both the same, or rename one of them"
    if "object" in (typed.type, other.type):
        fix = "rename one of them"
    return Problem(
        Code.TYPE_CONFLICT.value, message, typed.place, fix, source_line=typed.source_line
    )
