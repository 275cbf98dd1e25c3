"""The policies and backends as they were last seen, parsed once per change.

Marks itself dirty only where the compiled table could change: a new status or label is no reason
to compile.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from weir_operator.apply.cluster import JsonObject
from weir_policy.reading.parse import Parsed, parse
from weir_policy.reading.resources import Invalid, ResourceKind, ResourceRef, Resources, gather

_KINDS = {str(kind): kind for kind in ResourceKind}


@dataclass(slots=True)
class Entry:
    """One resource as it was last seen."""

    ref: ResourceRef
    uid: str
    generation: int
    parsed: Parsed
    status: JsonObject
    sequence: int  # when it was first seen, in the index's own count


class Index:
    """Every policy and backend of the cluster, parsed, by reference."""

    def __init__(self) -> None:
        self._entries: dict[ResourceRef, Entry] = {}
        self._count = itertools.count(1)
        self.dirty = asyncio.Event()

    def put(self, document: JsonObject) -> None:
        """Add or replace a resource; one whose name can't be read is ignored."""
        unchanged = self._unchanged(document)
        if unchanged is not None:
            unchanged.status = _interned(_mapping(document.get("status")))
            return
        parsed = parse(document)
        if parsed.meta is None:
            return
        meta = parsed.meta
        entry = self._entries.get(meta.ref)
        status = _interned(_mapping(document.get("status")))
        number = entry.sequence if entry and entry.uid == meta.uid else next(self._count)
        self._entries[meta.ref] = Entry(meta.ref, meta.uid, meta.generation, parsed, status, number)
        self.dirty.set()

    def _unchanged(self, document: JsonObject) -> Entry | None:
        """The entry that already holds this generation: parsing it again would be slow."""
        metadata = _mapping(document.get("metadata"))
        kind, namespace, name = (
            document.get("kind"),
            metadata.get("namespace"),
            metadata.get("name"),
        )
        if kind not in _KINDS or not isinstance(namespace, str) or not isinstance(name, str):
            return None
        entry = self._entries.get(ResourceRef(_KINDS[str(kind)], namespace, name))
        version = (metadata.get("uid"), metadata.get("generation"))
        return entry if entry and (entry.uid, entry.generation) == version else None

    def remove(self, ref: ResourceRef, uid: str) -> None:
        """Remove a resource, unless another has taken its name since."""
        entry = self._entries.get(ref)
        if entry and entry.uid == uid:
            del self._entries[ref]
            self.dirty.set()

    def checkpoint(self) -> int:
        """A point in the index's count, for `retain`."""
        return next(self._count)

    def retain(self, kind: ResourceKind, uids: frozenset[str], before: int) -> int:
        """Drop the entries older than `before` that are not among `uids`; returns how many."""
        gone = [
            entry
            for entry in self._entries.values()
            if entry.ref.kind is kind and entry.uid not in uids and entry.sequence < before
        ]
        for entry in gone:
            self.remove(entry.ref, entry.uid)
        return len(gone)

    def get(self, ref: ResourceRef) -> Entry | None:
        return self._entries.get(ref)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def resources(self) -> Resources:
        """The planner's input, without Secrets."""
        entries = tuple(self._entries.values())
        return gather(
            [e.parsed.resource for e in entries if e.parsed.resource],
            [
                Invalid(e.parsed.meta, e.parsed.mistakes)
                for e in entries
                if e.parsed.meta and not e.parsed.resource
            ],
        )


def _mapping(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _interned(status: JsonObject) -> JsonObject:
    """Share equal strings: thousands of statuses hold much the same text."""
    return cast("JsonObject", _intern(status))


def _intern(value: object) -> object:
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, list):
        return [_intern(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        wire = cast("dict[str, object]", value)
        return {sys.intern(key): _intern(item) for key, item in wire.items()}
    return value
