"""All generated sections of the page."""

from tests.docs.avro_types import avro_sections
from tests.docs.keys import key_sections
from tests.docs.reasons import reason_sections
from tests.docs.settings import settings_sections


def generated() -> dict[str, str]:
    """The body of every generated section, by its name."""
    return {**key_sections(), **avro_sections(), **reason_sections(), **settings_sections()}
