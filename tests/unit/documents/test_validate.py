"""Pydantic's errors as readable problems at their positions."""

from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from bridge.documents.document import parse
from bridge.documents.model_fields import field_names
from bridge.documents.problems import Problems
from bridge.documents.validate import Codes, validate
from bridge.documents.validation_messages import Mistake, refuse

KINDS = {"unknown_key": "X1", "missing_key": "X2", "wrong_type": "X3", "wrong_value": "X4"}


class Closed(BaseModel):
    """The base of all models of files."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Long(Closed):
    """The long form of a property."""

    path: str | None = None
    scale: float | None = Field(default=None, gt=0)
    type_: Literal["str", "int"] | None = Field(default=None, alias="type")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.path is None:
            raise refuse(
                Mistake("M001", "no source: {path}", fix="write `path`"),
                Mistake("M002", "no use", ("scale",), key=True),
            )
        return self


def form(value: object) -> str:
    """The branch of a property; one has the name of a key of the other, on purpose."""
    return "short" if isinstance(value, str) else "path"


Property = Annotated[
    Annotated[str, Tag("short")] | Annotated[Long, Tag("path")], Discriminator(form)
]


class One(Closed):
    """A branch that its literal identifies."""

    kind: Literal["one"]
    size: int


class Two(Closed):
    """The other branch."""

    kind: Literal["two"]
    height: int


class Tree(RootModel[dict[str, "int | Tree"]]):
    """A model that contains itself."""


class Item(Closed):
    """An item of the list below."""

    name: Annotated[str, Field(pattern="^[a-z]+$", max_length=5)]
    properties: dict[Annotated[str, Field(min_length=2)], Property] = Field(default_factory=dict)
    scalar: str | int | bool = True
    one_or_many: str | list[str] = ""
    mode: int | Literal["max"] = 0
    shape: Annotated[One | Two, Field(discriminator="kind")] | None = None
    tree: Tree | None = None


class Model(Closed):
    """A file."""

    format_: Literal[1] = Field(alias="format")
    items: Annotated[list[Item], Field(min_length=1)]


def problems_of(text: str, codes: Codes = KINDS) -> list[str]:
    """`line:column code message | fix` of every problem in the file."""
    with pytest.raises(Problems) as found:
        validate(Model, parse(text, "f"), codes=codes)
    return [
        f"{p.place.line}:{p.place.column} {p.code} {p.message}" + (f" | {p.fix}" if p.fix else "")
        for p in found.value.problems
        if p.place is not None
    ]


def in_item(line: str) -> list[str]:
    """The problems of a file whose only item has this line as line 4."""
    return problems_of(f"format: 1\nitems:\n- name: a\n  {line}\n")


def test_a_valid_file_becomes_a_model() -> None:
    """With the field names of the model, not of the file."""
    text = "format: 1\nitems: [{name: a, properties: {ab: x, cd: {path: y, type: int}}}]"
    model = validate(Model, parse(text, "f"), codes=KINDS)
    assert model.items[0].properties == {"ab": "x", "cd": Long(path="y", type="int")}


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("nmae: b", "4:3 X1", "unknown key `nmae` in `items[0]` | did you mean `name`?"),
        (
            "properties: {ab: {pth: x, path: y}}",
            "4:21 X1",
            "unknown key `pth` in `items[0].properties.ab` | did you mean `path`?",
        ),
        (
            "properties: {ab: {tpye: str, path: y}}",
            "4:21 X1",
            "unknown key `tpye` in `items[0].properties.ab` | did you mean `type`?",
        ),
        (
            "properties: {ab: {zebra: 1, path: y}}",
            "4:21 X1",
            (
                "unknown key `zebra` in `items[0].properties.ab`"
                " | expected one of `path`, `scale`, `type`"
            ),
        ),
        (
            "properties: {ab: {path: 5}}",
            "4:27 X3",
            "`items[0].properties.ab.path` must be text, not a whole number",
        ),
        (
            "properties: {ab: {path: x, scale: 0}}",
            "4:37 X4",
            "`items[0].properties.ab.scale` must be more than 0",
        ),
        (
            "properties: {ab: {path: x, type: itn}}",
            "4:36 X4",
            "`items[0].properties.ab.type` must be one of `str`, `int` | did you mean `int`?",
        ),
        (
            "properties: {ab: [x]}",
            "4:20 X3",
            "`items[0].properties.ab` must be an object (`key: value`), not a list",
        ),
        (
            "properties: {a: x}",
            "4:16 X4",
            "`items[0].properties.a` must have at least 2 characters",
        ),
        (
            "properties:",
            "4:14 X3",
            "`items[0].properties` must be an object (`key: value`), not nothing",
        ),
        (
            "scalar: [1]",
            "4:11 X3",
            "`items[0].scalar` must be text, a whole number or true or false, not a list",
        ),
        (
            "one_or_many: 5",
            "4:16 X3",
            "`items[0].one_or_many` must be text or a list, not a whole number",
        ),
        (
            "one_or_many: [a, 5]",
            "4:20 X3",
            "`items[0].one_or_many[1]` must be text, not a whole number",
        ),
        ("mode: min", "4:9 X3", "`items[0].mode` must be a whole number or `max`"),
        ("shape: {kind: one}", "4:3 X2", "`items[0].shape.size` is missing | add `size:`"),
        (
            "shape: {kind: tow, height: 1}",
            "4:10 X4",
            "`items[0].shape` must be one of `one`, `two`",
        ),
        (
            "shape: {height: 1}",
            "4:10 X4",
            "`items[0].shape` has none of the expected forms",
        ),
        (
            "tree: {a: {b: {c: x}}}",
            "4:21 X3",
            "`items[0].tree.a.b.c` must be a whole number or an object (`key: value`), not text",
        ),
    ],
)
def test_a_mistake_has_a_readable_message(line: str, place: str, message: str) -> None:
    """Every kind of error that pydantic reports for our models."""
    assert in_item(line) == [f"{place} {message}"]


def test_a_mistake_raised_by_a_validator_keeps_its_code_path_and_fix() -> None:
    """Several at once, relative to the validated value; braces are kept."""
    assert in_item("properties: {ab: {scale: 2}}") == [
        "4:20 M001 no source: {path} | write `path`",
        "4:21 M002 no use",
    ]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[]", "1:1 X3", "the file must be an object (`key: value`), not a list"),
        ("text", "1:1 X3", "the file must be an object (`key: value`), not text"),
        ("format: 1\nitems: []", "2:8 X4", "`items` must have at least 1 item"),
        ("format: 2\nitems: [{name: a}]", "1:9 X4", "`format` must be 1"),
        ("items: [{name: a}]", "1:1 X2", "`format` is missing | add `format:`"),
        (
            "format: 1\nitems: [{name: A}]",
            "2:16 X4",
            "`items[0].name` must match the pattern `^[a-z]+$`",
        ),
        (
            "format: 1\nitems: [{name: abcdef}]",
            "2:16 X4",
            "`items[0].name` must have at most 5 characters",
        ),
        (
            "format: 1\nitems: [{name: 5.5}]",
            "2:16 X3",
            "`items[0].name` must be text, not a number",
        ),
        (
            "format: 1\nitems: [{name: true}]",
            "2:16 X3",
            "`items[0].name` must be text, not true or false",
        ),
    ],
)
def test_the_whole_file_is_checked_too(text: str, place: str, message: str) -> None:
    """The root has no name."""
    assert problems_of(text) == [f"{place} {message}"]


def test_all_mistakes_are_reported_together() -> None:
    """In all items."""
    text = "format: 2\nitems:\n- {name: A}\n- {}\n- {name: b, mode: x, zz: 1}\n"
    assert [line.split()[0] for line in problems_of(text)] == ["1:9", "3:10", "4:3", "5:19", "5:22"]


def test_a_part_of_a_file_can_be_checked() -> None:
    """Its mistakes have the full path."""
    document = parse("a: [{name: a}, {nmae: b}]", "f")
    with pytest.raises(Problems) as found:
        validate(Item, document, ("a", 1), codes=KINDS)
    messages = [(str(p.place), p.message) for p in found.value.problems]
    assert messages == [
        ("f:1:16", "`a[1].name` is missing"),
        ("f:1:17", "unknown key `nmae` in `a[1]`"),
    ]


def test_codes_can_be_a_function() -> None:
    """For a package that needs its own logic."""
    assert problems_of("[]", lambda kind: f"<{kind}>")[0].startswith("1:1 <wrong_type> ")


def test_an_unknown_pydantic_error_still_has_a_readable_message() -> None:
    """For errors that a later pydantic adds."""

    class Odd(Closed):
        """A type whose error is in no table."""

        value: Any = Field(default=None)
        number: Annotated[complex, Field()] = 0j

    with pytest.raises(Problems) as found:
        validate(Odd, parse("number: [1]", "f"), codes=KINDS)
    (problem,) = found.value.problems
    assert problem.code == "X4"
    assert problem.message.startswith("`number`: must be")
    assert "Input" not in problem.message


def test_no_message_repeats_a_value() -> None:
    """It may be a secret; the source line shows it if it is not."""
    text = "format: hunter\nitems: [{name: HUNTER, mode: hunter, scalar: [hunter]}]"
    assert "hunter" not in "".join(problems_of(text)).lower()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ((), ["format", "items"]),
        (("items", 0, "properties", "x"), ["path", "scale", "type"]),
        (("items", 3, "shape"), ["kind", "size", "kind", "height"]),
        (("items", 0, "tree"), []),
        (("items", 0, "tree", "a"), []),
        (("nothing",), []),
        (("items", 0, "name", "x"), []),
    ],
)
def test_the_valid_keys_at_a_path_are_known(path: tuple[str | int, ...], names: list[str]) -> None:
    """By their names in the file, for all branches."""
    assert field_names(Model, path) == names
