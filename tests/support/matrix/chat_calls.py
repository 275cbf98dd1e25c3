"""Calls as servers of chat completions stream them: numbered, named and cut in every way."""

from typing import Any

from support.matrix.chat_writing import chunk, completion, ends
from support.matrix.said import (
    LIMA,
    OSLO,
    TOOL_NAME,
    Called,
    Case,
    Finish,
    Json,
    Said,
    streamed,
    whole,
)

ONE = Said(calls=(Called(TOOL_NAME, OSLO, "a"),), finish=Finish.CALLS)
ONE_UNNAMED = Said(calls=(Called(TOOL_NAME, OSLO),), finish=Finish.CALLS)
TWO = Said(calls=(Called(TOOL_NAME, OSLO, "a"), Called(TOOL_NAME, LIMA, "b")), finish=Finish.CALLS)
TWO_UNNAMED = Said(calls=(Called(TOOL_NAME, OSLO), Called(TOOL_NAME, LIMA)), finish=Finish.CALLS)
TWO_TOOLS = Said(
    calls=(Called(TOOL_NAME, OSLO, "a"), Called("now", "{}", "b")), finish=Finish.CALLS
)
HEAD, TAIL = OSLO[:6], OSLO[6:]
HEAD_B, TAIL_B = LIMA[:6], LIMA[6:]


def _piece(**fields: Any) -> Json:
    """A piece: `name` and `arguments` of the function, all else beside it."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    return {**fields, "function": function}


def _stream(name: str, said: Said, *chunks: list[Json]) -> Case:
    pieces = [chunk({"tool_calls": pieces}) for pieces in chunks]
    return streamed(
        name, [chunk({"role": "assistant", "content": None}), *pieces, *ends("tool_calls")], said
    )


def _whole(name: str, said: Said, calls: list[Json]) -> Case:
    return whole(name, completion({"content": None, "tool_calls": calls}, "tool_calls"), said)


T = TOOL_NAME
CALLS: list[Case] = [
    _whole(
        "two with the same id",
        TWO_UNNAMED_FIRST := Said(
            calls=(Called(T, OSLO, "a"), Called(T, LIMA)), finish=Finish.CALLS
        ),
        [_piece(id="a", name=T, arguments=OSLO), _piece(id="a", name=T, arguments=LIMA)],
    ),
    _whole(
        "two without ids",
        TWO_UNNAMED,
        [_piece(name=T, arguments=OSLO), _piece(name=T, arguments=LIMA, id=None)],
    ),
    _whole(
        "two with the same index",
        TWO,
        [
            _piece(index=0, id="a", name=T, arguments=OSLO),
            _piece(index=0, id="b", name=T, arguments=LIMA),
        ],
    ),
    _stream(
        "two with index 0 and two ids",
        TWO,
        [_piece(index=0, id="a", name=T, arguments=OSLO)],
        [_piece(index=0, id="b", name=T, arguments=LIMA)],
    ),
    _stream(
        "two with index 0, mixed, ids in all pieces",
        TWO,
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=0, id="b", name=T, arguments=HEAD_B)],
        [_piece(index=0, id="a", arguments=TAIL)],
        [_piece(index=0, id="b", arguments=TAIL_B)],
    ),
    _stream(
        "two mixed by index",
        TWO,
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=1, id="b", name=T, arguments=HEAD_B)],
        [_piece(index=0, arguments=TAIL)],
        [_piece(index=1, arguments=TAIL_B)],
    ),
    _stream(
        "two in one chunk",
        TWO,
        [
            _piece(index=0, id="a", name=T, arguments=OSLO),
            _piece(index=1, id="b", name=T, arguments=LIMA),
        ],
    ),
    _stream(
        "two in one chunk without index",
        TWO,
        [_piece(id="a", name=T, arguments=OSLO), _piece(id="b", name=T, arguments=LIMA)],
    ),
    _stream(
        "two in one chunk without index, in pieces",
        TWO,
        [_piece(id="a", name=T), _piece(id="b", name=T)],
        [_piece(arguments=HEAD), _piece(arguments=HEAD_B)],
        [_piece(arguments=TAIL), _piece(arguments=TAIL_B)],
    ),
    _stream(
        "no index",
        TWO,
        [_piece(id="a", name=T, arguments=HEAD)],
        [_piece(arguments=TAIL)],
        [_piece(id="b", name=T, arguments=HEAD_B)],
        [_piece(arguments=TAIL_B)],
    ),
    _stream(
        "an index of null",
        TWO,
        [_piece(index=None, id="a", name=T, arguments=OSLO)],
        [_piece(index=None, id="b", name=T, arguments=LIMA)],
    ),
    _stream(
        "neither index nor id",
        TWO_UNNAMED,
        [_piece(name=T, arguments=OSLO)],
        [_piece(name=T, arguments=LIMA)],
    ),
    _stream(
        "neither index nor id, in pieces",
        TWO_UNNAMED,
        [_piece(name=T, arguments="")],
        [_piece(arguments=HEAD)],
        [_piece(arguments=TAIL)],
        [_piece(name=T, arguments=HEAD_B)],
        [_piece(arguments=TAIL_B)],
    ),
    _stream(
        "an index used again after a call",
        TWO_UNNAMED,
        [_piece(index=0, name=T, arguments=OSLO)],
        [_piece(index=0, name=T, arguments=LIMA)],
    ),
    _stream(
        "an id in every piece",
        ONE,
        [_piece(index=0, id="a", name=T, arguments="")],
        [_piece(index=0, id="a", arguments=HEAD)],
        [_piece(index=0, id="a", arguments=TAIL)],
    ),
    _stream(
        "id and name in every piece",
        ONE,
        [_piece(index=0, id="a", name=T, arguments="")],
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=0, id="a", name=T, arguments=TAIL)],
    ),
    _stream(
        "a new id in every piece",
        ONE,
        [_piece(index=0, id="a", name=T, arguments="")],
        [_piece(index=0, id="x", arguments=HEAD)],
        [_piece(index=0, id="y", arguments=TAIL)],
        [_piece(index=0, id="z", arguments="")],
    ),
    _stream(
        "an empty id, then told",
        ONE_UNNAMED,
        [_piece(index=0, id="", name=T, arguments="")],
        [_piece(index=0, id="a", arguments=HEAD)],
        [_piece(index=0, arguments=TAIL)],
    ),
    _stream(
        "an id of null afterwards",
        ONE,
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=0, id=None, name=None, arguments=TAIL)],
    ),
    _stream(
        "an empty id afterwards",
        ONE,
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=0, id="", name="", arguments=TAIL)],
    ),
    _stream(
        "a name in pieces",
        ONE,
        [_piece(index=0, id="a", name=T[:3])],
        [_piece(index=0, name=T[3:])],
        [_piece(index=0, arguments=OSLO)],
    ),
    _stream(
        "a name that grows",
        ONE,
        [_piece(index=0, id="a", name=T[:3])],
        [_piece(index=0, name=T)],
        [_piece(index=0, arguments=OSLO)],
    ),
    _stream(
        "a name that comes last",
        ONE,
        [_piece(index=0, id="a", arguments=HEAD)],
        [_piece(index=0, name=T, arguments=TAIL)],
    ),
    _stream(
        "an index of text",
        TWO,
        [_piece(index="0", id="a", name=T, arguments=OSLO)],
        [_piece(index="1", id="b", name=T, arguments=LIMA)],
    ),
    _stream(
        "indexes from 1",
        TWO,
        [_piece(index=1, id="a", name=T, arguments=OSLO)],
        [_piece(index=2, id="b", name=T, arguments=LIMA)],
    ),
    _stream(
        "arguments as an object", ONE, [_piece(index=0, id="a", name=T, arguments={"city": "Oslo"})]
    ),
    _stream(
        "arguments of null",
        ONE,
        [_piece(index=0, id="a", name=T, arguments=None)],
        [_piece(index=0, arguments=OSLO)],
    ),
    _stream(
        "empty arguments, then true ones",
        ONE,
        [_piece(index=0, id="a", name=T, arguments="{}")],
        [_piece(index=0, arguments=OSLO)],
    ),
    _stream(
        "the whole call again at the end",
        ONE,
        [_piece(index=0, id="a", name=T, arguments=HEAD)],
        [_piece(index=0, arguments=TAIL)],
        [_piece(index=0, id="a", name=T, arguments=OSLO)],
    ),
    _stream(
        "a call without arguments, then another",
        TWO_TOOLS,
        [_piece(index=0, id="a", name=T, arguments=OSLO)],
        [_piece(index=1, id="b", name="now")],
    ),
    _stream(
        "a call without arguments",
        Said(calls=(Called("now", "{}", "a"),), finish=Finish.CALLS),
        [_piece(index=0, id="a", name="now", arguments="")],
    ),
    _stream(
        "an empty piece after the call",
        ONE,
        [_piece(index=0, id="a", name=T, arguments=OSLO)],
        [_piece(index=0, arguments="")],
    ),
]
