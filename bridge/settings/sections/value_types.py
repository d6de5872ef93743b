"""The types of settings: numbers from variables, sizes, lists, addresses, files and times.

Invariants: a type refuses a value with a code and a fix, and never repeats a value that may be a
secret. Files and directories are checked only if there is a validation context.
"""

import glob
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo

from bridge.documents.scalars import resolve
from bridge.documents.validation_messages import Mistake, refuse
from bridge.proxy import NOT_A_PROXY, PROXY_EXAMPLE, is_http_proxy
from bridge.settings.codes import SettingsCode
from bridge.settings.sources.external_text import ExternalText
from bridge.settings.sources.secrets import key_fault

_SIZE_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6}
_SIZE = re.compile(r"([0-9]{1,15})\s*([A-Za-z]*)")
_TIME_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,12})\s*([a-z]*)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_ORGANIZATION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True, slots=True)
class ValidationContext:
    """What the model needs from outside: the base of relative paths, and librdkafka's keys."""

    directory: Path
    known_kafka_keys: frozenset[str] | None = None


def validation_context(info: ValidationInfo) -> ValidationContext | None:
    """The `context` of `model_validate`; None if the model is validated without one."""
    return info.context if isinstance(info.context, ValidationContext) else None


def _typed(value: Any) -> Any:
    """Text from a variable converted to its number or boolean; other values unchanged."""
    if not isinstance(value, ExternalText):
        return value
    try:
        return resolve(value.strip())
    except ValueError:
        return str(value)


def _none_if_empty(value: Any) -> Any:
    return None if isinstance(value, ExternalText) and not value else value


def _listed(value: Any) -> Any:
    if isinstance(value, ExternalText):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


def _listed_or_one(what: str) -> Callable[[Any], Any]:
    """Accepts a list, or its single member without a list."""

    def listed(value: Any) -> Any:
        if type(value) is str:
            return (value,)
        if not isinstance(value, str | list | tuple):
            raise refuse(
                Mistake(SettingsCode.WRONG_TYPE, f"this must be one {what} or a list of them")
            )
        return _listed(value)

    return listed


def _paired(value: Any) -> Any:
    """`a=b,c=d` from a variable."""
    if not isinstance(value, ExternalText):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        fix = "write `name=topic,other=topic`"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, "expected pairs of names", fix=fix))
    return {name.strip(): topic.strip() for name, _, topic in pairs}


def _bytes(value: Any) -> Any:
    value = _typed(value)
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None or match[2] not in _SIZE_UNITS:
        fix = "write a number of bytes, or use a unit: 64MiB"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, "invalid size", fix=fix))
    return int(match[1]) * _SIZE_UNITS[match[2]]


def _seconds(value: Any) -> Any:
    value = _typed(value)
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None or match[2] not in _TIME_UNITS:
        fix = "write a number of seconds, or use a unit: 30m, 12h, 7d"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, "invalid duration", fix=fix))
    return int(match[1]) * _TIME_UNITS[match[2]]


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        fault = _url_fault(value, parts)
    except ValueError:
        fault = "invalid address"
    if fault is not None:
        fix = "write https://host:port; credentials have their own keys"
        raise refuse(Mistake(SettingsCode.URL_FORM, fault, fix=fix))
    return value.rstrip("/")


def _url_fault(value: str, parts: SplitResult) -> str | None:
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        return "an address must begin with https:// or http:// and a host"
    if parts.username is not None or parts.password is not None:
        return "an address must not contain a user or a password"
    if parts.query or parts.fragment or not value.isprintable() or " " in value:
        return "an address must not contain spaces, `?` or `#`"
    return None


def is_open_http(url: str) -> bool:
    """Whether the URL is plain http to another host, so that traffic is unencrypted."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname == "localhost":
        return False
    try:
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def _file(value: Any, info: ValidationInfo) -> Any:
    context = validation_context(info)
    if not isinstance(value, str) or context is None:
        return Path(value) if isinstance(value, str) else value
    file = context.directory / value
    if not file.is_file():
        fault = "is a directory, not a file" if file.is_dir() else "does not exist"
        fix = f"relative paths start in {context.directory}"
        raise refuse(Mistake(SettingsCode.NO_SUCH_FILE, f"the file {value} {fault}", fix=fix))
    return file


def matching_files(pattern: str, directory: Path) -> Iterator[Path]:
    """The files that a glob matches, sorted; `**` matches directories except hidden ones."""
    # Path.glob would also match the hidden directories of a Kubernetes ConfigMap
    names = glob.glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207
    for name in sorted(names):
        if (directory / name).is_file():
            yield directory / name


def _patterns(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    context = validation_context(info)
    if context is None:
        return value
    unmatched = [
        Mistake(
            SettingsCode.NO_MAPPING_FILE,
            f"`{pattern}` matches no file",
            (index,),
            fix=_pattern_fix(pattern, context.directory),
        )
        for index, pattern in enumerate(value)
        if next(matching_files(pattern, context.directory), None) is None
    ]
    if unmatched:
        raise refuse(*unmatched)
    return value


def _pattern_fix(pattern: str, directory: Path) -> str:
    if (directory / pattern).is_dir():
        return f"it is a directory: write `{pattern.rstrip('/')}/*.yaml`"
    return f"relative patterns start in {directory}"


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or value in ("latest", "earliest"):
        return str(value) if isinstance(value, str) else value
    try:
        if _TIME.fullmatch(value) is not None:
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    fix = "write `latest`, `earliest` or a time with a UTC offset: 2026-11-23T00:00:00Z"
    message = "invalid `start`: expected `latest`, `earliest` or an RFC 3339 time"
    raise refuse(Mistake(SettingsCode.WRONG_VALUE, message, fix=fix))


def _none_if_off(value: Any) -> Any:
    return None if isinstance(value, ExternalText) and value.strip() in ("", "~") else value


def split_address(value: str) -> tuple[str, int]:
    """Host and port of `host:port`; an IPv6 host is in brackets.

    Raises:
        ValueError: the value has another form.
    """
    parts = urlsplit(f"//{value}")
    if not parts.hostname or parts.port is None or parts.netloc != value or "@" in value:
        raise ValueError("expected a host and a port")
    return parts.hostname, parts.port


def _address(value: str) -> str:
    try:
        split_address(value)
    except ValueError:
        fix = "write 127.0.0.1:8080, 0.0.0.0:8080 for all addresses of the host, or ~"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, "expected `host:port`", fix=fix)) from None
    return value


def topic_fault(name: str) -> str | None:
    """Why the name is invalid as a Kafka topic, or None."""
    if name in (".", "..") or _TOPIC.fullmatch(name) is None:
        return "a topic name must have 1 to 249 letters, digits, `.`, `_` or `-`"
    return None


def _key(value: SecretStr) -> SecretStr:
    fault = key_fault(value.get_secret_value())
    if fault is not None:
        raise refuse(Mistake(SettingsCode.SECRET_FORM, fault))
    return value


def _proxy(value: SecretStr) -> SecretStr:
    if not is_http_proxy(value.get_secret_value()):
        raise refuse(Mistake(SettingsCode.URL_FORM, NOT_A_PROXY, fix=f"write {PROXY_EXAMPLE}"))
    return value


def _organization(value: str) -> str:
    if _ORGANIZATION.fullmatch(value) is None:
        fix = "use the `orgId` that `GET /me` returns: o-1ABC-na1"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, "invalid organization id", fix=fix))
    return value


Whole = Annotated[int, BeforeValidator(_typed)]
Number = Annotated[float, BeforeValidator(_typed)]
Switch = Annotated[bool, BeforeValidator(_typed)]
Size = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)]
OptionalDuration = Annotated[
    float | None,
    BeforeValidator(_seconds, json_schema_input_type=float | str | None),
    BeforeValidator(_none_if_empty),
]
NamesSetting = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Patterns = Annotated[tuple[str, ...], AfterValidator(_patterns), BeforeValidator(_listed)]
Pairs = Annotated[dict[str, str], BeforeValidator(_paired)]
Url = Annotated[str, AfterValidator(_url)]
Urls = Annotated[
    tuple[Url, ...],
    BeforeValidator(_listed_or_one("address"), json_schema_input_type=str | list[str]),
]
OptionalNumber = Annotated[Number | None, BeforeValidator(_none_if_empty)]
OptionalOrganization = Annotated[
    Annotated[str, AfterValidator(_organization)] | None, BeforeValidator(_none_if_empty)
]
OptionalUrl = Annotated[Url | None, BeforeValidator(_none_if_empty)]
OptionalAddress = Annotated[
    Annotated[str, AfterValidator(_address)] | None, BeforeValidator(_none_if_off)
]
File = Annotated[Path, BeforeValidator(_file, json_schema_input_type=str)]
Files = Annotated[
    tuple[File, ...],
    BeforeValidator(_listed_or_one("file"), json_schema_input_type=str | list[str]),
]
OptionalFile = Annotated[File | None, BeforeValidator(_none_if_empty)]
TimeSetting = Annotated[
    Literal["latest", "earliest"] | datetime, BeforeValidator(_moment, json_schema_input_type=str)
]
KeySetting = Annotated[SecretStr, AfterValidator(_key)]
OptionalProxy = Annotated[
    Annotated[SecretStr, AfterValidator(_proxy)] | None, BeforeValidator(_none_if_empty)
]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_none_if_empty)]
