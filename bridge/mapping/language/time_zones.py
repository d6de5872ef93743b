"""Time zones by name."""

from datetime import tzinfo
from zoneinfo import ZoneInfo

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault


def zone_of(name: str | None) -> tzinfo | None:
    """The time zone of a name.

    Raises:
        MappingFault: the name is unknown.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"unknown time zone `{name}`"
        raise MappingFault(
            Code.TIME_FORM, message, "write UTC, or a name such as Europe/Berlin"
        ) from None
