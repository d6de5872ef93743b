"""Guesses which fields contain personal data, from their names and the formats of their values.

Invariants: these guesses are for drafts only, and err on the side of caution; `privacy.py` decides
what must never be sent. No value is kept.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pkgutil import iter_modules
from typing import Final, Literal

from bridge.mapping.language.privacy import is_card_number

Protection = Literal["hash", "mask", "last4", "omit"]
"""How it may be sent: hashed, masked, only the last four characters, or not at all."""

ValueFormat = Literal["email", "phone", "card", "iban", "ip", "time", "local_time", "uuid"]
Words = Sequence[str]

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+\d[\d ().-]{6,18}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?([Zz]|[-+]\d\d:?\d\d)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A kind of personal data, in words, and how it may be sent."""

    what: str
    protection: Protection


_EMAIL_ADDRESS: Final = PersonalData("e-mail address", "hash")
_PHONE_NUMBER: Final = PersonalData("phone number", "hash")
_CARD_NUMBER: Final = PersonalData("card number", "last4")
_BANK_ACCOUNT: Final = PersonalData("bank account", "hash")
_IP_ADDRESS: Final = PersonalData("IP address", "hash")

PERSONAL_FORMATS: Final[dict[ValueFormat, PersonalData]] = {
    "email": _EMAIL_ADDRESS,
    "phone": _PHONE_NUMBER,
    "card": _CARD_NUMBER,
    "iban": _BANK_ACCOUNT,
    "ip": _IP_ADDRESS,
}
"""Personal data that the format of its values reveals."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text, separated by spaces."""
    return frozenset(text.split())


_PEOPLE: Final = word_set(
    "customer user person recipient contact holder payer payee buyer billing shipping owner "
    "client member cardholder passenger guest sender beneficiary debtor creditor employee "
    "patient profile account receiver author driver student candidate applicant person party "
    "subscriber visitor voter citizen resident tenant insured policyholder doctor physician "
    "spouse child parent relative emergency agent operator manager seller"
)
_SECRET: Final = word_set("password passwd passphrase secret cvv cvv2 cvc pin otp token")
_SENSITIVE: Final = word_set(
    "gender sex religion religious ethnicity ethnic race racial nationality citizenship health "
    "diagnosis disease illness symptom medication medical disability allergy blood pregnancy "
    "pregnant genetic biometric political politics sexual orientation "
    "criminal conviction marital"
)
"""The special categories of the GDPR (articles 9 and 10), and what reveals them."""

_FINANCES: Final = word_set(
    "salary wage income earning bonus compensation hourly networth creditscore"
)
_TRAITS: Final = word_set("age height weight education occupation profession hobby")
_LOCATION: Final = word_set("lat lng lon latitude longitude geo gps")
_FREE_TEXT: Final = word_set(
    "note comment remark memo instruction remittance message payload text body content feedback "
    "review bio biography transcript query search"
)
_PHONE_WORDS: Final = word_set(
    "phone mobile msisdn telephone tel fax cell cellphone mobilephone telefon whatsapp"
)
_NUMBER: Final = word_set("number no num nr")
_BIRTH: Final = word_set("birth dob birthday birthdate born")
_STREET: Final = word_set(
    "address addr street line1 line2 zip zipcode postal postcode plz city town apartment "
    "residence domicile building floor"
)
_OTHER_ADDRESS: Final = word_set("mac wallet web url")
_GIVEN: Final = word_set("first last full middle given family maiden display legal nick")
_NAME_WORDS: Final = word_set(
    "firstname lastname fullname surname forename cardholder recipient addressee beneficiary "
    "holder payee nickname maidenname givenname familyname firstnames lastnames"
)
_DOCUMENT: Final = word_set(
    "ssn passport nino taxid imei imsi iccid idfa gaid aaid adid udid vin license licence visa "
    "nationalid vatnumber"
)
_ISSUED: Final = word_set("national tax vat fiscal identity identification citizen government gov")
_ID: Final = word_set("id number no num nr code card document")
_DEVICE: Final = word_set("device host hostname cookie useragent mac serial advertising browser")
_LOGIN: Final = word_set("login username fingerprint actor impersonator")
_CODES_OF_OTHERS: Final = word_set("uid vid vat ice oss bis epic coe cups nace moa anum banknote")
"""Names in the library's list that other fields have far more often."""


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lowercase: `orderId`, `order_id` and `ORDER-ID` have two."""
    return tuple(word.lower() for word in _WORD_BOUNDARY.split(name) if word)


def singular(word: str) -> str:
    """The singular of an English word; a word of up to three letters is taken as one already."""
    import inflection  # noqa: PLC0415  # only `init` needs it

    return inflection.singularize(word) if len(word) > 3 else word


def personal_by_name(names: Sequence[str], record: str) -> PersonalData | None:
    """The personal data in a field by its name; `names` is its path, `record` the root's name."""
    raw = words_of(names[-1])
    parent_words = set(words_of(names[-2] if len(names) > 1 else record))
    parent_words |= {singular(word) for word in parent_words}
    forms = (tuple(map(singular, raw)), raw)  # `bonus` is no plural
    return next(
        (what for words in forms for matches, what in _BY_NAME if matches(words, parent_words)),
        None,
    )


def _is_national_number(words: Words, _: set[str]) -> bool:
    return not _national_numbers().isdisjoint(words)


@cache
def _national_numbers() -> frozenset[str]:
    """The names of the identity and tax numbers of all countries, from a library's list.

    Some of the numbers are of companies; a draft leaves out all of them.
    """
    import stdnum  # noqa: PLC0415  # only `init` needs it

    countries = [module for module in iter_modules(stdnum.__path__) if module.ispkg]
    paths = [f"{folder}/{country.name}" for folder in stdnum.__path__ for country in countries]
    names = {module.name for module in iter_modules(paths)}
    return frozenset(name for name in names if len(name) > 2) - _CODES_OF_OTHERS


def _is_document(words: Words, _: set[str]) -> bool:
    if not _DOCUMENT.isdisjoint(words) or tuple(words[:2]) == ("id", "number"):
        return True
    return not _ISSUED.isdisjoint(words[:-1]) and words[-1] in _ID


def _is_device(words: Words, parent_words: set[str]) -> bool:
    if {"user", "agent"} <= set(words) or {"remote", "user"} <= set(words):
        return True
    if words == ("id",) and "device" in parent_words:
        return True
    return not _DEVICE.isdisjoint(words) and words[-1] in (*_ID, *_DEVICE, "name", "uuid", "token")


def _has(*sets: frozenset[str]) -> Callable[[Words, set[str]], bool]:
    """A predicate: the name has a word of each set."""
    return lambda words, _: all(not word_set_.isdisjoint(words) for word_set_ in sets)


def _is_card(words: Words, parent_words: set[str]) -> bool:
    if "pan" in words or "cardnumber" in words or tuple(words[-2:]) == ("credit", "card"):
        return True
    return not _NUMBER.isdisjoint(words) and ("card" in words or "card" in parent_words)


def _is_account(words: Words, _: set[str]) -> bool:
    if "iban" in words or ("sort" in words and "code" in words):
        return True
    return not _NUMBER.isdisjoint(words) and ("account" in words or "routing" in words)


def _is_address(words: Words, _: set[str]) -> bool:
    if not _OTHER_ADDRESS.isdisjoint(words):
        return False
    return not _STREET.isdisjoint(words) or tuple(words[:2]) == ("house", "number")


def _is_free_text(words: Words, _: set[str]) -> bool:
    return not _FREE_TEXT.isdisjoint(words) and words[-1] != "id"


def _is_trait(words: Words, parent_words: set[str]) -> bool:
    """Whether it describes a person: also a parcel has a weight."""
    return bool(words) and words[-1] in _TRAITS and bool({*words[:-1], *parent_words} & _PEOPLE)


def _is_name(words: Words, parent_words: set[str]) -> bool:
    if not _NAME_WORDS.isdisjoint(words) and words[-1] != "id":
        return True
    if not words or words[-1] != "name":
        return False
    before = set(words[:-1])
    return bool(before & (_GIVEN | _PEOPLE)) or (not before and bool(parent_words & _PEOPLE))


_BY_NAME: Final[tuple[tuple[Callable[[Words, set[str]], bool], PersonalData], ...]] = (
    (_has(_SECRET), PersonalData("secret", "omit")),
    (_has(frozenset(("email", "mail"))), _EMAIL_ADDRESS),
    (_has(frozenset(("ip", "ipv4", "ipv6", "ipaddress"))), _IP_ADDRESS),
    (lambda words, _: words[-2:] == ("contact", "number"), _PHONE_NUMBER),
    (_has(_PHONE_WORDS), _PHONE_NUMBER),
    (_is_card, _CARD_NUMBER),
    (_is_account, _BANK_ACCOUNT),
    (_has(_BIRTH), PersonalData("date of birth", "mask")),
    (_is_name, PersonalData("person's name", "mask")),
    (_is_address, PersonalData("address", "mask")),
    (
        lambda words, parents: (
            not _LOGIN.isdisjoint(words) or words[-1:] == ("by",) or _is_device(words, parents)
        ),
        PersonalData("login or device", "hash"),
    ),
    (_is_document, PersonalData("document or device number", "omit")),
    (_is_national_number, PersonalData("national number", "omit")),
    (_has(_SENSITIVE), PersonalData("sensitive", "omit")),
    (_has(_FINANCES), PersonalData("a person's income", "omit")),
    (_is_trait, PersonalData("a person's trait", "omit")),
    (_has(_LOCATION), PersonalData("location", "omit")),
    (_is_free_text, PersonalData("free text, which can contain anything", "omit")),
)


def value_format_of(text: str) -> ValueFormat | None:
    """The format of a text; an e-mail address can be anywhere in it."""
    if _EMAIL.search(text):
        return "email"
    return next((format_ for format_, matches in _FORMATS if matches(text)), None)


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "")
    if not _IBAN.fullmatch(compact):
        return False
    rotated = compact[4:] + compact[:4]
    return int("".join(str(int(letter, 36)) for letter in rotated)) % 97 == 1


def _is_ip(text: str) -> bool:
    if "." not in text and text.count(":") < 2:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_FORMATS: Final[tuple[tuple[ValueFormat, Callable[[str], object]], ...]] = (
    ("card", is_card_number),
    ("iban", _is_iban),
    ("ip", _is_ip),
    ("uuid", _UUID.fullmatch),
    ("time", lambda text: (match := _TIME.fullmatch(text)) and match[1]),
    ("local_time", _TIME.fullmatch),
    ("phone", _PHONE.fullmatch),
)
