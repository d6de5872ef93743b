"""What may never leave in clear, and how it may leave: hashed or redacted.

Invariants: a glob is held against the whole path and against each name in it, in small letters,
with `.` read as `_`. Files and settings add globs and take none away.
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
"""Secrets and numbers that no analysis needs, and laws or card schemes forbid to hand on."""

GUESSABLE: Final = ("*mail*", "*phone*", "*mobile*", "*msisdn*", "*iban*", "*birth*", *BUILT_IN)
"""Of these there are so few that a plain hash is undone by trying all of them."""

_SEPARATORS = re.compile(r"[ -]")
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|(?:6011|62\d\d|64[4-9]\d|65\d\d|35[2-8]\d)\d{12,15}"
)
"""The beginnings and lengths of the large card schemes: a number of an order is rarely one."""

_MASK: Final = "***"


def refusing_glob(text: str, globs: Iterable[str]) -> str | None:
    """The glob that forbids this name or path, if one does."""
    words = [word for word in re.split(r'[.\[\]"*$]+', text.casefold()) if word]
    names = {text.casefold().replace(".", "_"), "_".join(words), *words}
    for glob in globs:
        pattern = glob.casefold().replace(".", "_")
        if any(fnmatchcase(name, pattern) for name in names):
            return glob
    return None


def refuse_in_clear(text: str, what: str, globs: Iterable[str]) -> None:
    """Nothing, unless this may not be sent in clear.

    Raises:
        Fault: a never-send glob matches.
    """
    glob = refusing_glob(text, globs)
    if glob is not None:
        message = f"{what} `{text}` may never be sent in clear (`{glob}`)"
        raise MappingFault(Code.NEVER_SEND, message, "add `hash:` or `redact:`, or take it out")


def is_card_number(text: str) -> bool:
    """Whether text is a number of a payment card: a scheme's beginning and length, and Luhn."""
    if not 13 <= len(text) <= 23:
        return False
    digits = _SEPARATORS.sub("", text)
    return _CARD.fullmatch(digits) is not None and _luhn(digits)


def refuse_cards(value: str | int) -> str | int:
    """The same value, unless it is a card number."""
    if is_card_number(value if isinstance(value, str) else str(value)):
        raise MappingError("card_number", "the value is a card number")
    return value


def hasher(word: str, key: bytes | None) -> Callable[[str], str]:
    """Text, trimmed and in small letters, to the hexadecimal digest of its UTF-8."""
    digest = byte_hasher(word, key)
    return lambda text: str(digest(text.strip().lower().encode()))


def byte_hasher(word: str, key: bytes | None) -> Convert:
    """Bytes to a hexadecimal digest.

    Raises:
        Fault: `hmac-sha256` without a key.
    """
    if word == "sha256":
        return lambda raw: hashlib.sha256(raw).hexdigest()
    if not key:
        message = "`hmac-sha256` needs a key, and the settings have none"
        raise MappingFault(Code.HASH_KEY, message, "set `privacy.hash_key`")
    secret = key
    return lambda raw: hmac.digest(secret, raw, "sha256").hex()


def redactor(word: str) -> Callable[[str], str]:
    """Text to what is left of it: nothing (`mask`), or the last four characters (`last4`)."""
    if word == "mask":
        return lambda _: _MASK
    return lambda text: text[-4:] if len(text) > 4 else _MASK


def share_of(uid: str) -> float:
    """Where a user stands between 0 and 1: the same place each time, evenly spread."""
    digest = hashlib.sha256(uid.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _luhn(digits: str) -> bool:
    odd: Sequence[int] = [int(digit) for digit in digits[-1::-2]]
    even = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0
