"""The syntax of paths."""

import pytest

from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.paths import Every, Index, MapKey, Name, Path, parse_path

GOOD = [
    ("a", Path("a", "value", (Name("a"),))),
    ("a.b_2.c-d", Path("a.b_2.c-d", "value", (Name("a"), Name("b_2"), Name("c-d")))),
    ("a[0].b", Path("a[0].b", "value", (Name("a"), Index(0), Name("b")))),
    ("a[*][12]", Path("a[*][12]", "value", (Name("a"), Every(), Index(12)))),
    ('a["x.y"]', Path('a["x.y"]', "value", (Name("a"), MapKey("x.y")))),
    ('a["\\"\\\\"]', Path('a["\\"\\\\"]', "value", (Name("a"), MapKey('"\\')))),
    ("$value", Path("$value", "value")),
    ("$value.any", Path("$value.any", "value", (Name("any"),))),
    ("$value[0]", Path("$value[0]", "value", (Index(0),))),
    ("$key", Path("$key", "key")),
    ("$record", Path("$record", "record")),
    ("$headers.x.y-z", Path("$headers.x.y-z", "headers", header="x.y-z")),
    ('$headers["a b"]', Path('$headers["a b"]', "headers", header="a b")),
]


@pytest.mark.parametrize(("text", "path"), GOOD)
def test_a_path_is_parsed_into_its_steps(text: str, path: Path) -> None:
    """Names, indexes, stars, keys, metadata."""
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at the start"),
        ("a.", "after `a`"),
        (".a", "at the start"),
        ("[0]", "at the start"),
        ("a b", "after `a`"),
        ("a[-1]", "after `a`"),
        ("a[x]", "after `a`"),
        ("a.b[0", "after `a.b`"),
        ('a["x]', "after `a`"),
        ("$value.", "after `$value`"),
        ("$value a", "after `$value`"),
        ("$", "is not a part of a record"),
        ("$Key", "is not a part of a record"),
        ("$headers.", "has no header name"),
        ("$offset[0]", "there is nothing below `$offset`"),
    ],
)
def test_an_invalid_path_is_reported_with_the_position_of_the_error(
    text: str, message: str
) -> None:
    """The message shows the part of the path before the error."""
    with pytest.raises(MappingFault) as raised:
        parse_path(text)

    assert message in raised.value.message
    assert raised.value.code == "M003"
