"""Reading and checking input files line by line."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.batches.lines import (
    MAX_ERRORS,
    MAX_ID_CHARS,
    Item,
    Line,
    LineChecker,
    LineReader,
    body_of,
)
from weir_gateway.domain.batch import MAX_ITEMS

CHAT = "/v1/chat/completions"
LONGEST = 1000


def line(**changes: object) -> bytes:
    fields = {"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": "auto"}, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def checked(data: bytes, longest: int = LONGEST) -> tuple[list[Item], LineChecker]:
    reader, checker = LineReader(longest), LineChecker(CHAT, longest)
    items = [checker.check(line) for line in (*reader.feed(data), *reader.end())]
    checker.finish()
    return [item for item in items if item is not None], checker


@pytest.mark.parametrize(
    ("data", "code", "at", "param"),
    [
        (b"", "empty_file", None, "file"),
        (b"\n  \r\n\n", "empty_file", None, "file"),
        (b"{", "invalid_json_line", 1, None),
        (b"\n\xff\xfe", "invalid_json_line", 2, None),
        (b"[1]", "invalid_type", 1, None),
        (b"[" * 900, "invalid_type", 1, None),
        (line(custom_id=None), "missing_required_parameter", 1, "custom_id"),
        (line(method=None), "missing_required_parameter", 1, "method"),
        (line(url=None), "missing_required_parameter", 1, "url"),
        (line(body=None), "missing_required_parameter", 1, "body"),
        (line(custom_id=7), "invalid_type", 1, None),
        (line(body=[1]), "invalid_type", 1, "body"),
        (line(method="GET"), "invalid_method", 1, "method"),
        (line(url="/v1/embeddings"), "mismatched_endpoint", 1, "url"),
        (line(custom_id=""), "invalid_custom_id", 1, "custom_id"),
        (line(custom_id="x" * (MAX_ID_CHARS + 1)), "invalid_custom_id", 1, "custom_id"),
        (line() + b"\n" + line(), "duplicate_custom_id", 2, "custom_id"),
        (line(body={"text": "x" * LONGEST}), "line_too_long", 1, None),
    ],
)
def test_each_invalid_line_has_its_error_code(
    data: bytes, code: str, at: int | None, param: str | None
) -> None:
    _, checker = checked(data)
    (error,) = checker.errors
    assert (error.code, error.line, error.param) == (code, at, param)
    assert error.message


def test_stops_reading_after_too_many_errors() -> None:
    reader, checker = LineReader(LONGEST), LineChecker(CHAT, LONGEST)
    for line in reader.feed(b"nonsense\n" * (MAX_ERRORS + 50)):
        checker.check(line)
        if checker.gave_up:
            break
    assert len(checker.errors) == MAX_ERRORS
    assert checker.items == MAX_ERRORS


def test_too_many_requests_fail_the_file() -> None:
    checker = LineChecker(CHAT, LONGEST)
    for number in range(MAX_ITEMS + 1):
        text = b'{"custom_id":"%d","method":"POST","url":"%s","body":{}}' % (number, CHAT.encode())
        checker.check(Line(number + 1, 0, text))
    (error,) = checker.errors
    assert (error.code, error.line) == ("too_many_requests", MAX_ITEMS + 1)
    assert checker.gave_up


def test_body_of_returns_the_exact_bytes() -> None:
    body = b'{"model" : "auto",  "x":1.50, "\\u0061":"\\u00e4"}'
    data = b'{"custom_id":"a","method":"POST","url":"' + CHAT.encode() + b'","body":' + body + b"}"
    assert body_of(data) == body


def _cut(data: bytes, at: list[int]) -> Iterator[bytes]:
    places = sorted({min(place, len(data)) for place in at})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[start:end]


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=12),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=8),
    st.integers(1, 30),
)
def test_lines_do_not_depend_on_how_the_file_is_split(
    texts: list[bytes],
    last_newline: bool,  # noqa: FBT001 - hypothesis gives it
    at: list[int],
    longest: int,
) -> None:
    data = b"\n".join(texts) + (b"\n" if last_newline and texts else b"")
    reader = LineReader(longest)
    items = [line for piece in _cut(data, at) for line in reader.feed(piece)]
    items += reader.end()
    wanted = data.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    assert [line.number for line in items] == list(range(1, len(wanted) + 1))
    for line, text in zip(items, wanted, strict=True):
        assert data[line.start : line.start + len(text)] == text
        assert line.text == (text if len(text) <= longest else None)


@given(st.binary(max_size=200))
def test_any_bytes_are_items_or_errors(data: bytes) -> None:
    items, checker = checked(data)
    assert items == [] or checker.errors == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_other_json_is_an_error(value: object) -> None:
    _, checker = checked(json.dumps(value).encode(), longest=1 << 20)
    assert checker.errors
