"""What all sections of the settings share.

Invariants: frozen; an unknown key is a mistake; every field says what it does; secrets are
`SecretStr`.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """What all sections share: frozen, closed, and strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
