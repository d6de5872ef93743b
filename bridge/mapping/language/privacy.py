"""Values that must never be sent in the clear, and how to send them: hashed or redacted.

Invariants: a glob is matched against the whole path and against each name in it, in lowercase, with
`.` treated as `_`. Files and settings add globs and never remove any.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.schema.conversions import Convert, MappingError

BUILT_IN: Final = (
    *("card", "*card_number*", "*cardnumber*", "pan", "*_pan", "cvv*", "*_cvv", "cvc*", "*_cvc"),
    *("*password*", "*passwd*", "*passphrase*", "*secret*", "*private_key*", "*api_key*"),
    *("*access_token*", "*refresh_token*", "*auth_token*"),
    *("ssn", "*_ssn", "*social_security*", "pin", "*_pin", "*pin_code*"),
)
"""Secrets and numbers that no analysis needs, and that laws or card schemes forbid to share."""

GUESSABLE: Final = ("*mail*", "*phone*", "*mobile*", "*msisdn*", "*iban*", "*birth*", *BUILT_IN)
"""Kinds of values with so few candidates that a plain hash can be reversed by trying all."""

_SEPARATORS = re.compile(r"[ -]")
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|(?:6011|62\d\d|64[4-9]\d|65\d\d|35[2-8]\d)\d{12,15}"
)
"""The prefixes and lengths of the large card schemes: an order number rarely matches one."""

_MASK: Final = "***"


def refusing_glob(text: str, globs: Iterable[str]) -> str | None:
    """The glob that forbids this name or path, or None."""
    words = [word for word in re.split(r'[.\[\]"*$]+', text.casefold()) if word]
    names = {text.casefold().replace(".", "_"), "_".join(words), *words}
    for glob in globs:
        pattern = glob.casefold().replace(".", "_")
        if any(fnmatchcase(name, pattern) for name in names):
            return glob
    return None


def check_never_send(
    text: str,
    what: str,
    globs: Iterable[str],
    fix: str = "add `hash:` or `redact:`, or remove it",
) -> None:
    """Refuse a name or path that must not be sent in the clear.

    Raises:
        MappingFault: a never-send glob matches.
    """
    glob = refusing_glob(text, globs)
    if glob is not None:
        message = f"{what} `{text}` must never be sent in the clear (`{glob}`)"
        raise MappingFault(Code.NEVER_SEND, message, fix)


def is_card_number(text: str) -> bool:
    """Whether text is a payment card number: a scheme's prefix and length, and the Luhn check."""
    if not 13 <= len(text) <= 23:
        return False
    digits = _SEPARATORS.sub("", text)
    return _CARD.fullmatch(digits) is not None and _luhn(digits)


def refuse_cards(value: str | int) -> str | int:
    """The value itself; a card number is refused."""
    if is_card_number(value if isinstance(value, str) else str(value)):
        raise MappingError("card_number", "the value is a card number")
    return value


def hasher(word: str, key: bytes | None) -> Callable[[str], str]:
    """A function from text, trimmed and lowercased, to the hexadecimal digest of its UTF-8."""
    digest = byte_hasher(word, key)
    return lambda text: str(digest(text.strip().lower().encode()))


def byte_hasher(word: str, key: bytes | None) -> Convert:
    """A function from bytes to a hexadecimal digest.

    Raises:
        MappingFault: `hmac-sha256` without a key.
    """
    if word == "sha256":
        return lambda raw: hashlib.sha256(raw).hexdigest()
    if not key:
        message = "`hmac-sha256` needs a key, but the settings have none"
        raise MappingFault(Code.HASH_KEY, message, "set `privacy.hash_key`")
    secret = key
    return lambda raw: hmac.digest(secret, raw, "sha256").hex()


def redactor(word: str) -> Callable[[str], str]:
    """A function that masks all of a text (`mask`), or keeps its last four characters (`last4`)."""
    if word == "mask":
        return lambda _: _MASK
    return lambda text: text[-4:] if len(text) > 4 else _MASK


def share_of(uid: str) -> float:
    """A number from 0 to 1 for a user: always the same one, evenly distributed."""
    digest = hashlib.sha256(uid.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _luhn(digits: str) -> bool:
    odd: Sequence[int] = [int(digit) for digit in digits[-1::-2]]
    even = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0
