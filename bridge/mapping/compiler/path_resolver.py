"""Resolves a path in a schema: its types, whether it can be missing, and how to read it.

Invariants: everything that depends only on the schema is determined here, once. A renamed field is
also found by its aliases, if no field has that name itself. A reader takes the record and its
decoded value and returns the raw value, or None if it is missing. It never raises for a value that
fits the schema.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.documents.problems import suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.paths import Every, Index, MapKey, Name, Path, Step, path_text
from bridge.mapping.runtime.readers import Reader, reader_of
from bridge.schema.avro_types import JSON_TYPES, AvroType, avro_type_of, is_text
from bridge.schema.types import Array, Map, Primitive, Record, Schema, Type, Union


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """The result of resolving a path.

    `avro_types` are the types that the value can have (for a list: an item). `missing` says whether
    it can be missing, `many` whether it is a list, `nullable_items` whether the list can contain
    nulls. `wanted` is the part of the value that must be decoded for it, as field names from the
    root; None for metadata. `constant` is the text if it is the same for every record.
    """

    path: Path
    avro_types: tuple[AvroType, ...]
    read: Reader
    missing: bool = False
    many: bool = False
    nullable_items: bool = False
    wanted: tuple[str, ...] | None = None
    constant: str | None = None

    @property
    def list_fix(self) -> str | None:
        """What to write for a list: no schema says that a value in JSON is one, the path does."""
        in_json = self.avro_types == JSON_TYPES and not self.many
        return f"write `{self.path.text}[*]` if it is a list" if in_json else None


@dataclass(slots=True)
class _Walk:
    """The current position in the schema; `types` are the non-null types possible there.

    `mixed` says whether some types on the way did not have the step.
    """

    types: list[Type]
    nullable: bool = False
    missing: bool = False
    many: bool = False
    mixed: bool = False


class PathResolver:
    """Resolves paths in one schema; `present` are the paths that the filter proves present."""

    def __init__(self, schema: Schema, present: Iterable[str] = ()) -> None:
        self._schema = schema
        self._present = frozenset(present)

    def resolve(self, path: Path) -> ResolvedPath:
        """Resolve a path into the decoded value.

        Raises:
            MappingFault: the schema has no such path, or the value there is always null.
        """
        walk = _Walk(*self._open([self._schema.root]))
        steps: list[Step] = []
        for number, step in enumerate(path.steps):
            steps.append(_renamed(walk.types, step))
            self._step(walk, path.steps[: number + 1], steps[-1])
        nullable_items = many = False
        if len(walk.types) == 1 and isinstance(walk.types[0], Array):
            walk.types, nullable_items = self._open([walk.types[0].items])
            many = True
        if not walk.types:
            message = f"`{path.text}` is always null in this schema"
            raise MappingFault(Code.REFUSED_TYPE, message, "remove it")
        return ResolvedPath(
            path=path,
            avro_types=tuple(dict.fromkeys(avro_type_of(type_) for type_ in walk.types)),
            read=reader_of(tuple(steps), flatten=walk.many and many, mixed=walk.mixed),
            missing=walk.missing,
            many=walk.many or many,
            nullable_items=nullable_items,
            wanted=self._wanted(steps),
        )

    def roots(self) -> list[Type]:
        """The types that the whole value can have."""
        return self._open([self._schema.root])[0]

    def _open(self, types: Iterable[Type]) -> tuple[list[Type], bool]:
        """The non-null types behind unions and references, and whether null is one of them."""
        found: list[Type] = []
        nullable = False
        for type_ in types:
            type_ = self._schema.resolve(type_)  # noqa: PLW2901 -- the same type, resolved
            if isinstance(type_, Union):
                below, null = self._open(type_.branches)
                found += below
                nullable |= null
            elif isinstance(type_, Primitive) and type_.name == "null":
                nullable = True
            else:
                found.append(type_)
        return found, nullable

    def _step(self, walk: _Walk, written: tuple[Step, ...], step: Step) -> None:
        """Follow one step; `written` are the steps so far, as in the path's text."""
        found: list[Type] = []
        absent = False
        for type_ in walk.types:
            below = _below(type_, step)
            if below is None:
                absent = True
            else:
                found.append(below)
        if not found:
            raise self._no_such_step(walk, written[:-1], step)
        can_be_absent = absent or isinstance(step, Index) or _is_map(walk.types)
        walk.types, null = self._open(found)
        # After `[*]`, a missing value is a gap in the list; the list itself is present.
        whole_is_missing = can_be_absent and not walk.many
        walk.many = walk.many or isinstance(step, Every)
        walk.mixed = walk.mixed or absent
        here = path_text(written)
        if (whole_is_missing or (null and not walk.many)) and here not in self._present:
            walk.missing = True

    def _no_such_step(self, walk: _Walk, before: tuple[Step, ...], step: Step) -> MappingFault:
        whole = path_text((*before, step))
        parent = path_text(before)
        records = [type_ for type_ in walk.types if isinstance(type_, Record)]
        if records and isinstance(step, Name | MapKey):
            names = {field.name for record in records for field in record.fields}
            message = f"the schema has no field `{whole}`"
            return MappingFault(Code.UNKNOWN_FIELD, message, self._fix(before, step, names))
        what = " or ".join(avro_type_of(type_).what for type_ in walk.types) or "null"
        message = f"`{parent}` is {_article(what)} {what}: it has no `{path_text((step,))}`"
        lists = any(isinstance(type_, Array) for type_ in walk.types)
        fix = f"name one item, `{parent}[0]`, or all items, `{parent}[*]`" if lists else None
        if walk.types and all(is_text(avro_type_of(type_)) for type_ in walk.types):
            fix = f"if it contains JSON, add `parse: {{{parent}: json}}` to the mapping"
        return MappingFault(Code.NOTHING_BELOW, message, fix)

    def _fix(self, before: tuple[Step, ...], step: Name | MapKey, names: set[str]) -> str | None:
        name = step.name if isinstance(step, Name) else step.key
        near = suggest(name, names, listed_max=0)
        if near is None:
            nested = [path for path in self._all_paths() if path.rpartition(".")[2] == name]
            near = f"did you mean `{nested[0]}`?" if len(nested) == 1 else suggest(name, names)
        elif before:
            near = near.replace("`", f"`{path_text(before)}.", 1)
        return near

    def _all_paths(self) -> list[str]:
        paths: list[str] = []

        def walk(types: list[Type], prefix: str, depth: int) -> None:
            for type_ in self._open(types)[0]:
                if not isinstance(type_, Record) or depth == 6:
                    continue
                for field in type_.fields:
                    paths.append(prefix + field.name)
                    walk([field.type], f"{prefix}{field.name}.", depth + 1)

        walk([self._schema.root], "", 0)
        return paths

    def _wanted(self, steps: Sequence[Step]) -> tuple[str, ...]:
        """The field names up to the first map, array or other branch that is not a record."""
        types = self.roots()
        names: list[str] = []
        for step in steps:
            if not isinstance(step, Name | MapKey) or not all(isinstance(t, Record) for t in types):
                break
            name = step.name if isinstance(step, Name) else step.key
            names.append(name)
            found = [below for type_ in types if (below := _below(type_, step)) is not None]
            types = self._open(found)[0]
        return tuple(names)


def _renamed(types: Sequence[Type], step: Step) -> Step:
    """The step with the field's current name, if the path uses one of its aliases."""
    fields = [field for type_ in types if isinstance(type_, Record) for field in type_.fields]
    if not isinstance(step, Name | MapKey) or _is_map(types):
        return step
    name = step.name if isinstance(step, Name) else step.key
    if any(field.name == name for field in fields):
        return step
    return next((Name(field.name) for field in fields if name in field.aliases), step)


def _below(type_: Type, step: Step) -> Type | None:
    """The type one step down; None if the type does not have the step."""
    match type_, step:
        case (Record(_, fields), Name(name)) | (Record(_, fields), MapKey(name)):
            return next((field.type for field in fields if field.name == name), None)
        case (Map(values), Name()) | (Map(values), MapKey()):
            return values
        case (Array(items), Index()) | (Array(items), Every()):
            return items
        case _:
            return None


def _is_map(types: Sequence[Type]) -> bool:
    return any(isinstance(type_, Map) for type_ in types)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
