"""The names of properties, and the objects that dotted names make.

Invariants: the rules hold for both APIs. v1 adds a suffix to the last part of a name, v2 none, and
FullStory counts the dotted whole, suffix included.
"""

import re
from collections.abc import Iterable
from typing import Final

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault

PROPERTY_CHARS_MAX = 512
"""The longest property name that FullStory accepts, including its type suffix."""

OBJECTS_MAX = 20
"""The deepest nesting of objects. FullStory documents no limit; JSON encoders have one."""

SUFFIXES: Final = (
    *("str", "int", "real", "bool", "date"),
    *("strs", "ints", "reals", "bools", "dates"),
)
"""FullStory's ten types; API v1 appends them to the property name after `_`."""

_PART = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NAME_FIX: Final = "start with a letter, then use letters, digits and `_`; a dot makes an object"
_ARRAY_FIX: Final = (
    "FullStory does not index arrays of objects: send a list for each field, such as"
    " `skus: items[*].sku`"
)


def objects_of(name: str) -> list[str]:
    """The objects that a property is in, outermost first: `a` and `a.b` for `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def check_property_names(names: Iterable[str], diagnostics: Diagnostics) -> None:
    """Report names that FullStory refuses, and names that clash."""
    properties: dict[str, str] = {}
    objects: dict[str, str] = {}
    for name in names:
        with diagnostics.catch("properties", name, key=True):
            _check_name(name)
            _check_clash(name, properties, objects)
            properties[name.casefold()] = name
            objects.update((one.casefold(), one) for one in objects_of(name))


def _check_name(name: str) -> None:
    parts = name.split(".")
    if not all(map(_PART.fullmatch, parts)):
        message = f"`{name}` is not a valid property name"
        raise MappingFault(Code.TARGET_NAME, message, _ARRAY_FIX if "[" in name else _NAME_FIX)
    if len(name) > PROPERTY_CHARS_MAX - len("_reals"):
        message = f"the name has {len(name)} characters, the maximum is {PROPERTY_CHARS_MAX - 6}"
        raise MappingFault(Code.TARGET_NAME, message)
    if len(parts) > OBJECTS_MAX + 1:
        message = f"the name makes {len(parts) - 1} objects, the maximum is {OBJECTS_MAX}"
        raise MappingFault(Code.TARGET_NAME, message)
    for part in parts:
        base, _, suffix = part.rpartition("_")
        if base and suffix in SUFFIXES:
            message = f"`{part}` ends in `_{suffix}`, which the bridge adds itself"
            raise MappingFault(Code.TARGET_SUFFIX, message, f"name it `{base}`")


def _check_clash(name: str, properties: dict[str, str], objects: dict[str, str]) -> None:
    """Refuse a name that differs from another only in case, or that is a value and an object."""
    for one, others in [(name, properties), *((made, objects) for made in objects_of(name))]:
        other = others.get(one.casefold(), one)
        if other != one:
            message = f"`{one}` and `{other}` differ only in case"
            raise MappingFault(Code.TARGET_TWICE, message, "rename one of them")
    values = [one for one in objects_of(name) if one.casefold() in properties]
    if values or name.casefold() in objects:
        message = f"`{values[0] if values else name}` is both a value and an object"
        raise MappingFault(Code.TARGET_TWICE, message, "rename one of them")
