"""Every reason of a skip and of a dead letter: found in the code, explained here."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import bridge
from tests.docs.page import table

Stage = Literal["skip", "decode", "map", "build", "send"]

_HOME: Final = Path(bridge.__file__).parent
_POSITIONS: Final[dict[str, tuple[Stage, int]]] = {
    "MappingError": ("map", 0),
    "MappingRejected": ("map", 1),
    "MappingSkipped": ("skip", 1),
    "Skip": ("skip", 0),
    "Reject": ("send", 0),
    "decode_error": ("decode", 0),
    "_Refusal": ("decode", 0),
    "Failure": ("map", 1),
}
"""The calls that name a reason: the stage, and which argument it is."""


class Reason(NamedTuple):
    """A reason, and the stage in which a record meets it."""

    stage: Stage
    word: str


MEANINGS: Final[dict[Reason, str]] = {
    Reason("skip", "no_uid"): "The user id is missing, and `uid` is `optional` or left out.",
    Reason("skip", "not_sampled"): "The user is not in the `sample`.",
    Reason("skip", "shadow"): "The mapping has `mode: shadow`.",
    Reason("skip", "late"): "The event is late, and the mapping says `late: skip`.",
    Reason("skip", "unknown_user"): "FullStory does not know the user, even on a second try. "
    "`fullstory.unknown_user` is `skip`.",
    Reason("skip", "unknown_user_at_once"): "As `unknown_user`, but without a second try, because "
    "too many events wait for one.",
    Reason("decode", "wrong_magic_byte"): "The value does not start as the wire format requires. "
    "Check `wire_format` of the topic.",
    Reason("decode", "too_short"): "The value is shorter than the wire format requires.",
    Reason("decode", "empty_value"): "The value has no bytes. A tombstone has no value at all.",
    Reason("decode", "bad_schema_header"): "The header with the schema id is malformed.",
    Reason("decode", "other_schema_header"): "A header of Apicurio, Azure or Spring identifies the "
    "schema, which the bridge does not read.",
    Reason("decode", "unknown_schema_id"): "The registry does not have the schema of the record.",
    Reason("decode", "unknown_fingerprint"): "No file in `schema` has the fingerprint of the "
    "record. Add the schema.",
    Reason("decode", "schema_not_avro"): "The schema of the record is not Avro.",
    Reason("decode", "unusable_schema"): "The schema in the registry is not a valid Avro schema.",
    Reason("decode", "truncated"): "The value ends too early.",
    Reason("decode", "trailing_bytes"): "Bytes follow after the value. It was probably written "
    "with another schema.",
    Reason("decode", "varint_too_long"): "A number has more than 64 bits.",
    Reason("decode", "int_out_of_range"): "An `int` has more than 32 bits.",
    Reason("decode", "bad_boolean"): "A boolean is neither 0 nor 1.",
    Reason("decode", "negative_length"): "A length is negative.",
    Reason("decode", "invalid_utf8"): "A string is not valid UTF-8.",
    Reason("decode", "bad_block_size"): "A block of an array or map has a wrong size.",
    Reason("decode", "bad_enum_index"): "The enum has no symbol of this number.",
    Reason("decode", "bad_union_index"): "The union has no branch of this number.",
    Reason("decode", "too_deep"): "Values are nested too deep.",
    Reason("decode", "too_many_empty_values"): "The value has too many items that take no bytes.",
    Reason("map", "missing_value"): "A property has no value. The schema promises one, or no place "
    "of `first_of` has one.",
    Reason("map", "missing_uid"): "The user id is empty or a placeholder like `guest`. Add "
    "`optional: true` to skip such records.",
    Reason(
        "map", "invalid_uid"
    ): "The user id has more than 256 characters or a control character, "
    "or is `.` or `..`. A binary key, and a fraction or boolean in JSON, are no user ids.",
    Reason("map", "invalid_session"): "The session is neither an id of the form "
    "`device:session` nor the URL of a session (API v2).",
    Reason("map", "missing_timestamp"): "The event has no time.",
    Reason("map", "unlisted_event"): "The table in `event` does not list the value.",
    Reason("map", "card_number"): "The value is a payment card number. Add `redact` or `hash`.",
    Reason("map", "not_a_number"): "`type` or `format` needs a number, and the text is not one.",
    Reason("map", "not_a_whole_number"): "`type: int` needs a whole number, and the number has a "
    "fraction.",
    Reason("map", "not_a_boolean"): "`type: bool` needs `true` or `false`, and the text is "
    "neither.",
    Reason("map", "not_json"): "A field in `parse` is not JSON.",
    Reason("map", "json_too_large"): "A field in `parse` has more than 1 MiB.",
    Reason("map", "not_a_scalar"): "The JSON has an object or a list where one value is needed.",
    Reason("map", "not_a_time"): "The text is not an ISO 8601 time, or a time of day is not within "
    "a day.",
    Reason("map", "not_finite"): "The number is NaN or infinite.",
    Reason("map", "not_utf8"): "The bytes are not UTF-8 text: a field, the key or a header.",
    Reason("map", "not_text"): "The key or a header is binary: it contains control characters.",
    Reason("map", "number_out_of_range"): "The number does not fit into 64 bits, or into a double.",
    Reason("map", "time_out_of_range"): "The time is not within the years 1 to 9999.",
    Reason("map", "time_without_offset"): "The time has no UTC offset. Add `zone`.",
    Reason("map", "in_the_future"): "The time of the event is more than an hour ahead. Check the "
    "unit of the time.",
    Reason("map", "before_2000"): "The time of the event is before the year 2000. Check the unit "
    "of the time.",
    Reason("map", "too_old"): "The event is older than `fullstory.max_event_age`.",
    Reason("map", "late"): "The event is late, and the mapping says `late: dead_letter`.",
    Reason("map", "schema_does_not_fit"): "The mapping does not fit a schema that appeared while "
    "the bridge was running. `fullstory-bridge check` shows what is wrong.",
    Reason("map", "mapping_gone"): "In a replay: the mapping that rejected the record no longer "
    "exists, or no longer reads the topic.",
    Reason("map", "internal_error"): "The bridge itself failed. Report it.",
    Reason("build", "name_too_long"): "The name of a property has more than 512 characters.",
    Reason("build", "value_too_large"): "The value of a property has more than 8192 bytes.",
    Reason("build", "session_not_in_v1"): "API v1 does not know a session by its `id`.",
    Reason("build", "session_not_in_v2"): "API v2 knows a session by its `id` only.",
    Reason("send", "refused_by_fullstory"): "FullStory refuses the event. The dead letter has the "
    "HTTP status and the error code.",
    Reason("send", "exhausted"): "The event failed for a quarter of an hour, while almost all "
    "others were accepted.",
    Reason("send", "unknown_user"): "FullStory does not know the user, even on a second try. "
    "`fullstory.unknown_user` is `dead_letter`.",
}
"""What each reason means, and what to do about it."""


def reason_sections() -> dict[str, str]:
    """The tables of reasons, by the name of their section."""
    skipped = [(f"`{word}`", text) for (stage, word), text in MEANINGS.items() if stage == "skip"]
    dead = [
        (f"`{word}`", f"`{stage}`", text)
        for (stage, word), text in MEANINGS.items()
        if stage != "skip"
    ]
    return {
        "reasons skipped": table(("Reason", "Meaning"), skipped),
        "reasons dead": table(("Reason", "Stage", "Meaning"), dead),
    }


def reasons_in_code() -> set[Reason]:
    """Every reason that a call in the code names; `*` stands for the variable part of one."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in _HOME.rglob("*.py")}
    shared = {
        name: text
        for tree in trees.values()
        for name, text in _constants(tree).items()
        if not name.startswith("_")
    }
    return {reason for tree in trees.values() for reason in _in_module(tree, shared)}


def _in_module(tree: ast.Module, shared: Mapping[str, str]) -> Iterator[Reason]:
    constants = {**shared, **_constants(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _called(node.func)
        if name == "PoisonRecord":
            words = {key.arg: list(_words(key.value, constants)) for key in node.keywords}
            stages = [stage for stage in _STAGES if stage in words.get("stage", ())]
            yield from (Reason(s, word) for s in stages for word in words.get("reason", ()))
        elif name in _POSITIONS:
            stage, position = _POSITIONS[name]
            if len(node.args) > position:
                yield from (Reason(stage, w) for w in _words(node.args[position], constants))


_STAGES: Final[tuple[Stage, ...]] = ("decode", "map", "build", "send")


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _constants(tree: ast.Module) -> dict[str, str]:
    """The constants of a module that are text."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(targets[0], ast.Name) and isinstance(node.value.value, str):
                found[targets[0].id] = node.value.value
    return found


def _words(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """The texts that an argument can be; none where it is a variable."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.IfExp):
        yield from _words(node.body, constants)
        yield from _words(node.orelse, constants)
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
        yield "".join(map(str, parts))
