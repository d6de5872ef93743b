"""What looks like personal data: by the name of a field, and by the look of its values.

Invariants: a guess for a draft, which errs on the careful side; what may never leave is decided in
`privacy.py`. Values are looked at and forgotten.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from bridge.mapping.language.privacy import is_card_number

Guard = Literal["hash", "mask", "last4", "leave"]
"""How it may leave: hashed, made unreadable, its end only, or not at all."""

Look = Literal["email", "phone", "card", "iban", "ip", "time", "local_time", "uuid"]
Words = Sequence[str]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+\d[\d ().-]{6,18}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?([Zz]|[-+]\d\d:?\d\d)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What it seems to be, in words, and how it may leave."""

    what: str
    guard: Guard


_EMAIL_ADDRESS: Final = PersonalData("e-mail address", "hash")
_PHONE_NUMBER: Final = PersonalData("phone number", "hash")
_CARD_NUMBER: Final = PersonalData("card number", "last4")
_BANK_ACCOUNT: Final = PersonalData("bank account", "hash")
_IP_ADDRESS: Final = PersonalData("IP address", "hash")

BY_LOOK: Final[dict[Look, PersonalData]] = {
    "email": _EMAIL_ADDRESS,
    "phone": _PHONE_NUMBER,
    "card": _CARD_NUMBER,
    "iban": _BANK_ACCOUNT,
    "ip": _IP_ADDRESS,
}
"""What is personal by the look of its values."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text that blanks part."""
    return frozenset(text.split())


_PEOPLE: Final = word_set(
    "customer user person recipient contact holder payer payee buyer billing shipping owner "
    "client member cardholder passenger guest sender beneficiary debtor creditor employee "
    "patient profile account"
)
_SECRET: Final = word_set("password passwd passphrase secret cvv cvv2 cvc pin otp token")
_SENSITIVE: Final = word_set("gender sex religion ethnicity nationality health")
_PLACE: Final = word_set("lat lng lon latitude longitude geo gps")
_FREE: Final = word_set("note notes comment comments remark remarks memo instructions remittance")
_PHONE_WORDS: Final = word_set("phone mobile msisdn telephone tel fax")
_NUMBER: Final = word_set("number no num nr")
_BIRTH: Final = word_set("birth dob birthday birthdate born")
_STREET: Final = word_set(
    "address addr street line1 line2 zip zipcode postal postcode plz city town apartment"
)
_OTHER_ADDRESS: Final = word_set("mac wallet web url")
_GIVEN: Final = word_set("first last full middle given family maiden display legal nick")
_NAME_WORDS: Final = word_set(
    "firstname lastname fullname surname forename cardholder recipient addressee beneficiary "
    "holder payee"
)
_DOCUMENT: Final = word_set("ssn passport nino taxid cpf imei idfa")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters: `orderId`, `order_id` and `ORDER-ID` have two."""
    return tuple(word.lower() for word in _HUMP.split(name) if word)


def personal_by_name(names: Sequence[str], record: str) -> PersonalData | None:
    """What a field is by its name; `names` is its path, `record` the root record's name."""
    words = words_of(names[-1])
    above = set(words_of(names[-2] if len(names) > 1 else record))
    return next((personal for is_it, personal in _NAMED if is_it(words, above)), None)


def _has(*sets: frozenset[str]) -> Callable[[Words, set[str]], bool]:
    """One word of each set."""
    return lambda words, _: all(not found.isdisjoint(words) for found in sets)


def _is_card(words: Words, above: set[str]) -> bool:
    if "pan" in words or "cardnumber" in words or tuple(words[-2:]) == ("credit", "card"):
        return True
    return not _NUMBER.isdisjoint(words) and ("card" in words or "card" in above)


def _is_account(words: Words, _: set[str]) -> bool:
    if "iban" in words or ("sort" in words and "code" in words):
        return True
    return not _NUMBER.isdisjoint(words) and ("account" in words or "routing" in words)


def _is_address(words: Words, _: set[str]) -> bool:
    if not _OTHER_ADDRESS.isdisjoint(words):
        return False
    return not _STREET.isdisjoint(words) or tuple(words[:2]) == ("house", "number")


def _is_name(words: Words, above: set[str]) -> bool:
    if not _NAME_WORDS.isdisjoint(words) and words[-1] != "id":
        return True
    if words[-1] != "name":
        return False
    before = set(words[:-1])
    return bool(before & (_GIVEN | _PEOPLE)) or (not before and bool(above & _PEOPLE))


_NAMED: Final[tuple[tuple[Callable[[Words, set[str]], bool], PersonalData], ...]] = (
    (_has(_SECRET), PersonalData("secret", "leave")),
    (_has(frozenset(("email", "mail", "emails"))), _EMAIL_ADDRESS),
    (_has(frozenset(("ip", "ipv4", "ipv6", "ipaddress"))), _IP_ADDRESS),
    (_has(_PHONE_WORDS), _PHONE_NUMBER),
    (_is_card, _CARD_NUMBER),
    (_is_account, _BANK_ACCOUNT),
    (_has(_BIRTH), PersonalData("date of birth", "mask")),
    (_is_name, PersonalData("person's name", "mask")),
    (_is_address, PersonalData("address", "mask")),
    (
        _has(frozenset(("username", "login", "fingerprint"))),
        PersonalData("login or device", "hash"),
    ),
    (_has(_DOCUMENT), PersonalData("number of a document or device", "leave")),
    (_has(_SENSITIVE), PersonalData("sensitive", "leave")),
    (_has(_PLACE), PersonalData("place on the map", "leave")),
    (_has(_FREE), PersonalData("free text, which can hold anything", "leave")),
)


def look_of(text: str) -> Look | None:
    """What a text looks like; a part of it is enough for an e-mail address."""
    if _EMAIL.search(text):
        return "email"
    return next((look for look, is_it in _LOOKS if is_it(text)), None)


def _is_iban(text: str) -> bool:
    packed = text.replace(" ", "")
    if not _IBAN.fullmatch(packed):
        return False
    turned = packed[4:] + packed[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _is_ip(text: str) -> bool:
    if "." not in text and text.count(":") < 2:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_LOOKS: Final[tuple[tuple[Look, Callable[[str], object]], ...]] = (
    ("card", is_card_number),
    ("iban", _is_iban),
    ("ip", _is_ip),
    ("uuid", _UUID.fullmatch),
    ("time", lambda text: (match := _TIME.fullmatch(text)) and match[1]),
    ("local_time", _TIME.fullmatch),
    ("phone", _PHONE.fullmatch),
)
