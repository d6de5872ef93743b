"""The base of all sections of the settings.

Invariants: frozen; an unknown key is a mistake; every field has a description; secrets are
`SecretStr`.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """The base of all sections: frozen, without extra keys, and strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
