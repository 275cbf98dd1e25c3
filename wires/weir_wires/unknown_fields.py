"""Which fields of a request the structs that read it don't know, at any depth.

A struct passes over what it doesn't know. So that nothing is lost without a word, what was there is
compared with what its struct could take. What a struct keeps as raw JSON, or as any value, is its
translator's own to carry or to name, and isn't looked into.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

Owners = tuple[str, ...]
MAX_NAMES: Final = 32  # of one request; more say no more
STRICT_DEPTH: Final = 8  # objects within objects; what is deeper is looked at more slowly
MAX_NAME: Final = 128  # characters of a path

_ANY: Final = msgspec.json.Decoder(Any)
_NOTHING: Final[tuple[object, ...]] = (None, "", [], {})  # what says nothing isn't missed
_NOT_IN_NAME: Final = frozenset("`\"',\r\n")


@dataclass(slots=True, eq=False)
class _Known:
    """What a place in the request may hold; a union's members are looked at one after another."""

    fields: dict[str, "_Known"] = field(default_factory=dict[str, "_Known"])
    items: "_Known | None" = None
    opaque: bool = False  # whatever it holds is taken
    members: tuple["_Known", ...] = ()

    @property
    def deep(self) -> bool:
        """Whether there is anything within to look at."""
        if self.members:
            return any(one.deep for one in self.members) and not any(m.opaque for m in self.members)
        return bool(self.fields or self.items)

    def objects(self) -> list["_Known"]:
        """The structs that an object here may be."""
        return [one for one in self.members or (self,) if one.fields]

    def lists(self) -> "_Known | None":
        """What a list here may hold."""
        return next((one.items for one in self.members or (self,) if one.items), None)


def unknown_fields(raw: bytes | msgspec.Raw, type_: Any, at: str) -> dict[str, Owners]:
    """The paths below `at` of fields that `type_` doesn't know; `[]` stands for any index.

    With each come the objects that it is in, as they are named where they are left out whole:
    by their place and type, such as `tools[].web_search`.
    """
    known, strict = _known(type_)
    if strict is None or _fits(raw, strict):
        return {}
    names: dict[str, Owners] = {}
    for name, owners in _unknown(_decoded(raw), known, at, ()):
        names.setdefault(name[:MAX_NAME], owners)
        if len(names) >= MAX_NAMES:
            break
    return names


def _unknown(value: object, known: _Known, at: str, owners: Owners) -> Iterator[tuple[str, Owners]]:
    if isinstance(value, dict):
        structs = known.objects()
        if not structs:
            return
        kind = cast("Mapping[str, object]", value).get("type")
        owners = (*owners, f"{at}.{kind}") if isinstance(kind, str) else owners
        for name, inner in cast("Mapping[str, object]", value).items():
            place = next((one.fields[name] for one in structs if name in one.fields), None)
            if place is None:
                if inner not in _NOTHING:
                    yield f"{at}.{_plain(name)}", owners
            elif place.deep:
                yield from _unknown(inner, place, f"{at}.{name}", owners)
    elif isinstance(value, list):
        items = known.lists()
        if items is None or not items.deep:
            return
        for item in cast("list[object]", value):
            yield from _unknown(item, items, f"{at}[]", owners)


def _decoded(raw: bytes | msgspec.Raw) -> object:
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _fits(raw: bytes | msgspec.Raw, strict: "msgspec.json.Decoder[Any]") -> bool:
    """Whether nothing is unknown: so it mostly is, and this is ten times as fast as looking."""
    try:
        strict.decode(raw)
    except msgspec.ValidationError:
        return False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return True


def _plain(name: str) -> str:
    return "".join("?" if char in _NOT_IN_NAME else char for char in name)


@functools.lru_cache(maxsize=256)  # the types that translators read: a few dozen
def _known(type_: Any) -> tuple[_Known, "msgspec.json.Decoder[Any] | None"]:
    """What a type knows, and a decoder that takes nothing else; None where all is taken."""
    known = _of(inspect.type_info(type_), {})
    if not known.deep:
        return known, None
    return known, msgspec.json.Decoder(_strict(known, STRICT_DEPTH))


def _strict(known: _Known, depth: int) -> Any:
    """A type for `known` that refuses other fields, and objects deeper than `depth`."""
    if not known.deep:
        return msgspec.Raw
    type_: Any = str | int | float | bool | None
    objects, items = known.objects(), known.lists()
    if items is not None:
        type_ = type_ | GenericAlias(list, (_strict(items, depth),))
    if objects and depth:
        places = {name: place for one in reversed(objects) for name, place in one.fields.items()}
        names = {f"field_{number}": name for number, name in enumerate(places)}
        fields = [
            (field, _strict(places[name], depth - 1), msgspec.Raw(b""))
            for field, name in names.items()
        ]
        type_ = type_ | msgspec.defstruct(
            "Strict", fields, rename=names, forbid_unknown_fields=True
        )
    return type_


def _of(info: inspect.Type, seen: dict[type, _Known]) -> _Known:
    if isinstance(info, inspect.Metadata):
        return _of(info.type, seen)
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return seen[info.cls]
        known = seen[info.cls] = _Known()
        known.fields = {one.encode_name: _of(one.type, seen) for one in info.fields}
        return known
    if isinstance(info, inspect.ListType):
        return _Known(items=_of(info.item_type, seen))
    if isinstance(info, inspect.UnionType):
        return _Known(members=tuple(_of(one, seen) for one in info.types))
    return _Known(opaque=isinstance(info, inspect.AnyType | inspect.RawType | inspect.DictType))
