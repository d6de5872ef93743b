"""Checks of a single mapping that do not need a schema."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from bridge.mapping.language.api_checks import check_fields, check_session, check_user_is_known
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath, MappingFault
from bridge.mapping.language.grammar.base import HashWord
from bridge.mapping.language.grammar.file import Defaults, MappingRule, TopicPattern
from bridge.mapping.language.grammar.values import (
    CONVERTERS,
    EventTable,
    LongTimestamp,
    LongUid,
    LongValue,
    long_timestamp,
    long_uid,
    long_value,
)
from bridge.mapping.language.options import Options
from bridge.mapping.language.paths import Every, parse_path
from bridge.mapping.language.privacy import BUILT_IN, byte_hasher, check_never_send
from bridge.mapping.language.property_names import check_property_names
from bridge.mapping.language.sources import (
    check_path,
    check_record_source,
    check_source,
    places_of,
)
from bridge.mapping.language.templates import Placeholder, parse_template
from bridge.mapping.language.time_zones import zone_of
from bridge.mapping.language.topic_patterns import compile_pattern

EVENT_CHARS_MAX = 250
"""The longest event name that FullStory accepts."""

_MAPPING_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def check_form(
    form: MappingRule, diagnostics: Diagnostics, options: Options, defaults: Defaults
) -> None:
    """Report all mistakes in one mapping; `defaults` are those of its file."""
    globs = _globs(options, defaults)
    if not _MAPPING_NAME.fullmatch(form.name):
        message = f"`{form.name}` is not a valid mapping name"
        fix = "use lowercase letters, digits and dashes, such as payment-failed"
        diagnostics.add(MappingFault(Code.MAPPING_NAME, message, fix), ("name",))
    _check_topics(form, diagnostics)
    _check_parsed(form, diagnostics)
    if form.uid is None:
        check_user_is_known(form.session or defaults.session, diagnostics)
    else:
        _check_uid(long_uid(form.uid), diagnostics, options, globs)
    _check_event(form.event, diagnostics)
    _check_timestamp(long_timestamp(form.timestamp), diagnostics)
    check_session(form.session, diagnostics, options.api, globs)
    check_fields(form, diagnostics, options.api)
    check_property_names(form.properties, diagnostics)
    for name, value in form.properties.items():
        _check_value(long_value(value), ("properties", name), diagnostics)
        _check_privacy(name, long_value(value), diagnostics, globs)
        _check_hash_key(long_value(value).hash, ("properties", name), diagnostics, options)
    if form.sample is not None and not 0 < form.sample.keep <= 1:
        message = "a sample keeps a share above 0 and at most 1"
        diagnostics.add(
            MappingFault(Code.SAMPLE, message, "write 0.1 for a tenth"), ("sample", "keep")
        )


def check_defaults(defaults: Defaults, diagnostics: Diagnostics, options: Options) -> None:
    """Report mistakes in the `defaults` of a file."""
    check_session(defaults.session, diagnostics, options.api, _globs(options, defaults))


def _globs(options: Options, defaults: Defaults) -> tuple[str, ...]:
    """The globs of what must not be sent in clear: those of everybody, the settings, the file."""
    return (*BUILT_IN, *options.never_send, *defaults.never_send)


def _check_topics(form: MappingRule, diagnostics: Diagnostics) -> None:
    if isinstance(form.topics, TopicPattern):
        _check_pattern(form.topics.pattern, diagnostics)
        return
    if not form.topics:
        diagnostics.add(MappingFault(Code.TOPIC_NAME, "no topic is listed"), ("topics",))
    for index, name in enumerate(form.topics):
        if not _TOPIC_NAME.fullmatch(name) or name in (".", ".."):
            message = "this is not a valid topic name"
            diagnostics.add(MappingFault(Code.TOPIC_NAME, message), ("topics", index))


def _check_pattern(text: str, diagnostics: Diagnostics) -> None:
    with diagnostics.catch("topics", "pattern"):
        if compile_pattern(text).is_open:
            message = "without `^` the pattern matches anywhere in a topic's name"
            fault = MappingFault(
                Code.PATTERN_OPEN, message, r"start it with `^`, for example ^shop\.orders\."
            )
            diagnostics.add(fault, ("topics", "pattern"), warning=True)


def _check_parsed(form: MappingRule, diagnostics: Diagnostics) -> None:
    for text in form.parse:
        with diagnostics.catch("parse", text, key=True):
            path = parse_path(text)
            if path.root != "value" or Every() in path.steps:
                message = (
                    f"`{text}` is not a single field of the value: only such a field is parsed"
                )
                raise MappingFault(Code.PATH_FORM, message, "name a text field, such as `payload`")


def _check_uid(
    uid: LongUid, diagnostics: Diagnostics, options: Options, globs: Sequence[str]
) -> None:
    check_record_source(uid, "user", ("uid",), diagnostics)
    _check_hash_key(uid.hash, ("uid",), diagnostics, options)
    if uid.case is not None and uid.hash is not None:
        message = "`case` changes nothing: `hash` converts to lowercase first"
        fault = MappingFault(Code.CONVERTERS, message, "remove `case`")
        diagnostics.add(fault, ("uid", "case"), key=True)
    for place, text in [] if uid.hash is not None else places_of(uid):
        with diagnostics.catch("uid", *place):
            check_never_send(text, "the path", globs, fix="add `hash:`, or use another id")


def _check_event(event: str | EventTable, diagnostics: Diagnostics) -> None:
    if isinstance(event, str):
        with diagnostics.catch("event"):
            _check_event_name(event)
            for piece in parse_template(event):
                if isinstance(piece, Placeholder):
                    parse_path(piece.path)
        return
    check_path(event.path, ("event", "path"), diagnostics)
    for key, name in event.values.items():
        with diagnostics.catch("event", "values", key):
            _check_event_name(name)


def _check_event_name(name: str) -> None:
    if not name.strip() or len(name) > EVENT_CHARS_MAX:
        message = f"an event name has 1 to {EVENT_CHARS_MAX} characters, this one has {len(name)}"
        raise MappingFault(Code.EVENT_NAME, message)


def _check_timestamp(timestamp: LongTimestamp, diagnostics: Diagnostics) -> None:
    check_record_source(timestamp, "time", ("timestamp",), diagnostics)
    with diagnostics.catch("timestamp", "zone"):
        zone_of(timestamp.zone)


def _check_value(value: LongValue, at: DocumentPath, diagnostics: Diagnostics) -> None:
    check_source(value, at, diagnostics, const=value.const)
    for check in _VALUE_CHECKS:
        with diagnostics.catch(*at):
            check(value)
    with diagnostics.catch(*at, "zone"):
        zone_of(value.zone)


def _check_privacy(
    name: str, value: LongValue, diagnostics: Diagnostics, globs: Sequence[str]
) -> None:
    """Report names and paths that must never be sent in the clear."""
    at = ("properties", name)
    if value.hash is not None or value.redact is not None or value.count:
        return
    with diagnostics.catch(*at, key=True):
        check_never_send(name, "the property", globs)
    for place, text in places_of(value):
        with diagnostics.catch(*at, *place):
            check_never_send(text, "the path", globs)


def _check_hash_key(
    word: HashWord | None, at: DocumentPath, diagnostics: Diagnostics, options: Options
) -> None:
    with diagnostics.catch(*at, "hash"):
        if word is not None:
            byte_hasher(word, options.hash_key)


def _check_default(value: LongValue) -> None:
    if value.default is not None and value.optional:
        message = "`default` and `optional` contradict each other"
        raise MappingFault(Code.DEFAULT_FORM, message, "keep one of them")
    if value.default is None and "default" in value.model_fields_set:
        message = "a default of null has no meaning"
        raise MappingFault(Code.DEFAULT_FORM, message, "write `optional: true` to leave it out")


def _check_converters(value: LongValue) -> None:
    given = value.model_fields_set & CONVERTERS.keys()
    pairs = [(name, other) for name, one in CONVERTERS.items() for other in one.excludes]
    for name, other in pairs:
        if given.issuperset((name, other)):
            message = f"`{name}` and `{other}` cannot be combined"
            raise MappingFault(Code.CONVERTERS, message, "keep one of them")
    if "else_" in given and value.values is None:
        raise MappingFault(
            Code.CONVERTERS, "`else` requires `values`", "add `values:`, or use `default:` instead"
        )
    fixed = value.const is not None
    if fixed and (given or value.default is not None or value.optional):
        message = "`const` is the same for every record: no other key applies"
        raise MappingFault(Code.CONVERTERS, message, "write the value exactly as it should be sent")


def _check_table(value: LongValue) -> None:
    if value.values is None:
        return
    results = [*value.values.values(), *([] if value.else_ is None else [value.else_])]
    if len({type(result) for result in results}) > 1:
        message = "the results of `values` and `else` have different types"
        raise MappingFault(Code.TABLE_TYPES, message, "write all as text, or all as numbers")


_VALUE_CHECKS: Final[tuple[Callable[[LongValue], None], ...]] = (
    _check_default,
    _check_converters,
    _check_table,
)
