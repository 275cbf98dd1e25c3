"""Bodies are collected and unpacked within their bounds, whatever their pieces are."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.domain.errors import BadRequest, NothingCanServe, TooLarge
from weir_gateway.extproc.bodies import BodyPieces, unpack
from weir_gateway.routing.replies import ByteBudget

PIECES = st.lists(st.binary(max_size=300), max_size=20)
LIMIT = 100_000


@given(PIECES)
def test_a_body_is_all_its_pieces(pieces: list[bytes]) -> None:
    budget = ByteBudget(LIMIT)
    body = BodyPieces(budget, LIMIT)
    for piece in pieces:
        body.add(piece)
    assert body.whole() == b"".join(pieces)
    body.release()
    assert (budget.left, body.size) == (LIMIT, 0)


@given(PIECES, st.integers(0, 500))
def test_neither_bound_is_passed(pieces: list[bytes], left: int) -> None:
    budget = ByteBudget(left)
    body = BodyPieces(budget, 400)
    try:
        for piece in pieces:
            body.add(piece)
    except (TooLarge, NothingCanServe):
        assert sum(map(len, pieces)) > min(left, 400)
    assert body.size <= min(left, 400)
    assert budget.left == left - body.size


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
@pytest.mark.parametrize("size", [0, 1, 100_000, 1_000_000])
async def test_what_was_packed_comes_out(
    encoding: str, pack: Callable[[bytes], bytes], size: int
) -> None:
    body = b'{"a":1}' * size
    assert await unpack(encoding, pack(body), len(body) + 1) == body


async def test_members_of_a_gzip_body_are_one_body() -> None:
    assert await unpack("gzip", gzip.compress(b"ab") + gzip.compress(b"cd"), 4) == b"abcd"


@pytest.mark.parametrize("over", [1, 1_000_000])
async def test_unpacking_stops_at_the_bound(over: int) -> None:
    packed = gzip.compress(b"x" * (1000 + over))
    with pytest.raises(TooLarge):
        await unpack("gzip", packed, 1000)


@given(st.sampled_from(["gzip", "deflate", "br", "zstd", "unheard-of"]), st.binary(max_size=200))
async def test_garbage_is_a_bad_request(encoding: str, garbage: bytes) -> None:
    try:
        await unpack(encoding, garbage, 1000)
    except BadRequest:
        return
    assert encoding != "unheard-of"
