"""How paths are spelled."""

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
    ("text", "told"),
    [
        ("", "at its beginning"),
        ("a.", "after `a`"),
        (".a", "at its beginning"),
        ("[0]", "at its beginning"),
        ("a b", "after `a`"),
        ("a[-1]", "after `a`"),
        ("a[x]", "after `a`"),
        ("a.b[0", "after `a.b`"),
        ('a["x]', "after `a`"),
        ("$value.", "after `$value`"),
        ("$value a", "after `$value`"),
        ("$", "is no part of a record"),
        ("$Key", "is no part of a record"),
        ("$headers.", "names no header"),
        ("$offset[0]", "there is nothing below `$offset`"),
    ],
)
def test_what_is_no_path_is_told_with_the_place_where_it_breaks_off(text: str, told: str) -> None:
    """So that a long path need not be searched."""
    with pytest.raises(MappingFault) as raised:
        parse_path(text)

    assert told in raised.value.message
    assert raised.value.code == "M003"
