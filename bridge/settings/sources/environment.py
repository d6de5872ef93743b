"""Settings from environment variables: `BRIDGE_…`, and FullStory's own `FULLSTORY_API_KEY`.

`BRIDGE_KAFKA_BOOTSTRAP_SERVERS` is `kafka.bootstrap.servers` (the rule of Confluent's images:
`_` is `.`, `__` is `_`, `___` is `-`). Elsewhere, `__` separates levels, as in
`BRIDGE_FULLSTORY__API`. Each has a `…_FILE` variant. An empty variable counts as unset.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.documents.document import DataPath
from bridge.documents.model_fields import field_names
from bridge.documents.problems import Problem, SourcePlace, suggest
from bridge.settings.codes import SettingsCode
from bridge.settings.model import Settings
from bridge.settings.sources.interpolation import Unset, look_up

PREFIX = "BRIDGE_"
KAFKA_PREFIX = "BRIDGE_KAFKA_"
KEY_VARIABLE = "FULLSTORY_API_KEY"
KEY_PATH: DataPath = ("fullstory", "key")

_FILE_ONLY: frozenset[DataPath] = frozenset({("avro", "topics")})
_KAFKA_FILE_KEYS = (
    "SASL_OAUTHBEARER_ASSERTION_FILE",
    "SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE",
    "SASL_OAUTHBEARER_ASSERTION_JWT_TEMPLATE_FILE",
)
"""librdkafka keys that themselves end in `.file`."""

_KUBERNETES = re.compile(r".*_SERVICE_(HOST|PORT(_\w+)?)|.*_PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?")
"""Variables that Kubernetes sets in every pod for a Service named `bridge` or `bridge-…`."""


@dataclass(frozen=True, slots=True)
class VariableValue:
    """A value from a variable or a flag, and the name of its source."""

    value: object
    name: str
    note: str = ""


@dataclass(slots=True)
class Environment:
    """The settings in variables: values by path, problems, and the paths without a valid value."""

    given: dict[DataPath, VariableValue] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    invalid: set[DataPath] = field(default_factory=set)


def read_environment(environ: Mapping[str, str]) -> Environment:
    """The settings in `BRIDGE_…` variables, and the problems in their names and files."""
    found = Environment()
    for name, path in sorted(_named(environ, found).items()):
        _read(name, path, environ, found)
    return found


def read_key(environ: Mapping[str, str]) -> Environment:
    """The default of `fullstory.key`: from the variable that FullStory itself uses."""
    found = Environment()
    _read(KEY_VARIABLE, KEY_PATH, environ, found)
    return found


def variables() -> dict[str, DataPath]:
    """Every `BRIDGE_…` variable and its setting, except those of `kafka`."""
    return {variable_name(path): path for path in _leaves(()) if path not in _FILE_ONLY}


def variable_name(path: DataPath) -> str:
    """The variable of a setting: `fullstory.api` is `BRIDGE_FULLSTORY__API`."""
    if path[0] == "kafka" and len(path) > 1:
        escaped = str(path[1]).replace("_", "__").replace("-", "___").replace(".", "_")
        return KAFKA_PREFIX + escaped.upper()
    return PREFIX + "__".join(re.sub(r"[.-]", "_", str(step)).upper() for step in path)


def _leaves(path: DataPath) -> Iterator[DataPath]:
    names = field_names(Settings, path)
    if not names and path != ("kafka",):
        yield path
    for name in names:
        yield from _leaves((*path, name))


def _named(environ: Mapping[str, str], found: Environment) -> dict[str, DataPath]:
    """The variables that are set, without `_FILE`, and the setting of each."""
    known = variables()
    named: dict[str, DataPath] = {}
    for full in sorted(environ):
        if not full.startswith(PREFIX) or not environ[full] or _is_kubernetes(full, environ[full]):
            continue
        name = full if full in known else full.removesuffix("_FILE")
        if full.startswith(KAFKA_PREFIX) and full.removeprefix(KAFKA_PREFIX) in _KAFKA_FILE_KEYS:
            name = full
        path = known.get(name) or _kafka_path(name)
        if path is None:
            found.problems.append(_unknown(full, known))
        else:
            named[name] = path
    return named


def _is_kubernetes(name: str, value: str) -> bool:
    if name.endswith("_PORT") and re.match(r"(tcp|udp|sctp)://", value):
        return True
    return _KUBERNETES.fullmatch(name) is not None


def _kafka_path(name: str) -> DataPath | None:
    key = name.removeprefix(KAFKA_PREFIX)
    if key in (name, "") or key.startswith("_"):
        return None
    words = re.split(r"(_{1,3})", key.lower())
    signs = {"_": ".", "__": "_", "___": "-"}
    return "kafka", "".join(signs.get(word, word) for word in words)


def _unknown(name: str, known: Mapping[str, DataPath]) -> Problem:
    candidates = [*known, *(f"{KAFKA_PREFIX}{key}" for key in ("BOOTSTRAP_SERVERS", "GROUP_ID"))]
    fix = suggest(name, candidates, listed_max=0)
    if name in map(variable_name, _FILE_ONLY):
        fix = "this setting is supported only in the settings file"
    message = "this variable belongs to no setting"
    return Problem(SettingsCode.UNKNOWN_VARIABLE, message, SourcePlace(name), fix)


def _read(name: str, path: DataPath, environ: Mapping[str, str], found: Environment) -> None:
    try:
        value = look_up(name, environ)
    except Unset as unset:
        place = SourcePlace(name if unset.code is SettingsCode.SET_TWICE else f"{name}_FILE")
        found.problems.append(Problem(unset.code, str(unset), place, unset.fix))
        found.invalid.add(path)
        return
    if value:
        file = value.file
        shown = name if file is None else f"{name}_FILE"
        found.given[path] = VariableValue(value, shown, f" ({file})" if file is not None else "")
