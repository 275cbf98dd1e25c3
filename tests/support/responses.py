"""A response put together from its events as a client does it, each event checked on its way."""

from collections.abc import Iterable
from typing import Any

from weir_wires.event import Event

Json = dict[str, Any]
_PARTS = {"response.output_text": "text", "response.refusal": "refusal"}


def response_of(events: Iterable[Json]) -> Json:
    """What the last event says, which the pieces before it must add up to."""
    grown: dict[int, Json] = {}
    last: Json = {}
    for number, event in enumerate(events):
        assert event["sequence_number"] == number
        assert number < 2 or event["type"] not in {"response.created", "response.in_progress"}
        assert not last, "nothing comes after the end"
        last = _take(event, grown)
    assert last, "the stream has no end"
    assert [_known(item) for item in last["output"]] == [grown[i] for i in range(len(grown))]
    return last


def named(events: Iterable[Event]) -> None:
    """Every event's name is its type."""
    assert all(f'"type":"{event.name}"'.encode() in event.data for event in events)


def _take(event: Json, grown: dict[int, Json]) -> Json:
    kind = event["type"]
    if kind in {"response.completed", "response.incomplete"}:
        found: Json = event["response"]
        return found
    if kind == "response.output_item.added":
        assert event["output_index"] == len(grown)
        grown[event["output_index"]] = _known(event["item"]) | {"text": ""}
    elif kind.endswith(".delta"):
        item = grown[event["output_index"]]
        assert event["item_id"] == item["id"]
        item["text"] += event["delta"]
    elif kind == "response.output_item.done":
        item = grown[event["output_index"]]
        assert _known(event["item"]) == item
    return {}


def _known(item: Json) -> Json:
    """What deltas tell of an item: its words, whichever kind it is."""
    content = "".join(
        part.get("text", part.get("refusal", "")) for part in item.get("content") or ()
    )
    return {"id": item["id"], "type": item["type"], "text": content or item.get("arguments", "")}
