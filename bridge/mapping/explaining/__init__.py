"""Why a mapping does not match a record."""
