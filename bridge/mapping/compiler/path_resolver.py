"""A path in a schema: what stands there, whether it can be missing, and how it is read.

Invariants: everything that the schema tells is found out here, once. A field that has been renamed
is found by its aliases too, where no field has the name itself. A reader takes the record and its
decoded value, gives the raw value or None for missing, and never raises for a value that has the
schema's shape.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.documents.problems import suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.paths import Every, Index, MapKey, Name, Path, Step, path_text
from bridge.mapping.runtime.readers import Reader, reader_of
from bridge.schema.avro_types import AvroType, avro_type_of
from bridge.schema.types import Array, Map, Primitive, Record, Schema, Type, Union


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """What a path leads to.

    `avro_types` are the types that the value (of a list: an item) can have. `missing` says whether
    it can be missing, `holes` whether a list can hold nulls. `wanted` is the part of the value
    that must be decoded for it, as field names from the root; None for metadata. `constant` is
    the text, where it is the same for every record.
    """

    path: Path
    avro_types: tuple[AvroType, ...]
    read: Reader
    missing: bool = False
    many: bool = False
    holes: bool = False
    wanted: tuple[str, ...] | None = None
    constant: str | None = None


@dataclass(slots=True)
class _Walk:
    """Where a walk down the tree stands; `types` are the non-null types possible there.

    `mixed` says whether some types on the way had no such step.
    """

    types: list[Type]
    nullable: bool = False
    missing: bool = False
    many: bool = False
    mixed: bool = False


class PathResolver:
    """Finds paths in one schema; `present` are places that the filter has shown to be there."""

    def __init__(self, schema: Schema, present: Iterable[str] = ()) -> None:
        self._schema = schema
        self._present = frozenset(present)

    def resolve(self, path: Path) -> ResolvedPath:
        """What stands at a path of the decoded value.

        Raises:
            Fault: the schema has no such path, or only null stands there.
        """
        walk = _Walk(*self._open([self._schema.root]))
        steps: list[Step] = []
        for number, step in enumerate(path.steps):
            steps.append(_renamed(walk.types, step))
            self._step(walk, path.steps[: number + 1], steps[-1])
        holes = many = False
        if len(walk.types) == 1 and isinstance(walk.types[0], Array):
            walk.types, holes = self._open([walk.types[0].items])
            many = True
        if not walk.types:
            message = f"`{path.text}` is always null in this schema"
            raise MappingFault(Code.REFUSED_TYPE, message, "take it out")
        return ResolvedPath(
            path=path,
            avro_types=tuple(dict.fromkeys(avro_type_of(type_) for type_ in walk.types)),
            read=reader_of(tuple(steps), flatten=walk.many and many, mixed=walk.mixed),
            missing=walk.missing,
            many=walk.many or many,
            holes=holes,
            wanted=self._wanted(steps),
        )

    def roots(self) -> list[Type]:
        """The types that a whole value can have."""
        return self._open([self._schema.root])[0]

    def _open(self, types: Iterable[Type]) -> tuple[list[Type], bool]:
        """The non-null types behind unions and references, and whether null is among them."""
        found: list[Type] = []
        nullable = False
        for type_ in types:
            type_ = self._schema.resolve(type_)  # noqa: PLW2901 -- the same type, looked up
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
        """One step down; `written` are the steps so far as the path writes them."""
        found: list[Type] = []
        lacking = False
        for type_ in walk.types:
            below = _below(type_, step)
            if below is None:
                lacking = True
            else:
                found.append(below)
        if not found:
            raise self._nothing(walk, written[:-1], step)
        can_lack = lacking or isinstance(step, Index) or _is_map(walk.types)
        walk.types, null = self._open(found)
        # Behind `[*]` what is missing is a hole in a list, not a missing list.
        no_list = can_lack and not walk.many
        walk.many = walk.many or isinstance(step, Every)
        walk.mixed = walk.mixed or lacking
        here = path_text(written)
        if (no_list or (null and not walk.many)) and here not in self._present:
            walk.missing = True

    def _nothing(self, walk: _Walk, before: tuple[Step, ...], step: Step) -> MappingFault:
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
        fix = f"name an item, `{parent}[0]`, or all, `{parent}[*]`" if lists else None
        return MappingFault(Code.NOTHING_BELOW, message, fix)

    def _fix(self, before: tuple[Step, ...], step: Name | MapKey, names: set[str]) -> str | None:
        name = step.name if isinstance(step, Name) else step.key
        near = suggest(name, names, listed_max=0)
        if near is None:
            deep = [path for path in self._all_paths() if path.rpartition(".")[2] == name]
            near = f"did you mean `{deep[0]}`?" if len(deep) == 1 else suggest(name, names)
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
        """The field names up to the first map, array or branch that is no record."""
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
    """The step by the name that a field has now, where it is written by one that it had."""
    fields = [field for type_ in types if isinstance(type_, Record) for field in type_.fields]
    if not isinstance(step, Name | MapKey) or _is_map(types):
        return step
    name = step.name if isinstance(step, Name) else step.key
    if any(field.name == name for field in fields):
        return step
    return next((Name(field.name) for field in fields if name in field.aliases), step)


def _below(type_: Type, step: Step) -> Type | None:
    """The type one step down, or None where there is no such step."""
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
