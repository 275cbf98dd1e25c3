"""Every fault, whole and streamed, with one candidate and with another one to fall back on.

Whatever a provider does, a request ends in a correct answer or a correct error within its deadline:
none hangs, none is answered twice, no partial stream looks complete, nothing is left behind. What
clients see is the table in docs/reliability.md; `--write-fault-matrix` writes it as it was seen.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.drafts import Draft
from support.faults import ANSWER, PIECES, TEXT, Fault, failing, faults, good
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.raw_http import Raw, ask
from support.upstream import running_upstream

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- fault matrix -->\n", "<!-- end of the fault matrix -->\n"
COLUMNS = (
    ("whole answer, one model", False, False),
    ("whole answer, two models", False, True),
    ("stream, one model", True, False),
    ("stream, two models", True, True),
)
ASKED = b'"messages":[{"role":"user","content":"hi"}]'


@dataclass(frozen=True)
class Spoken:
    """A wire as a client speaks it; the providers speak chat, so the others are translated."""

    path: str
    asked: bytes  # the body without its model
    last: bytes  # what only a complete stream has


CHAT = Spoken("/v1/chat/completions", ASKED, b"data: [DONE]")
OTHERS = (
    Spoken("/v1/messages", b'"max_tokens":64,' + ASKED, b"event: message_stop"),
    Spoken("/v1/responses", b'"input":"hi"', b"event: response.completed"),
)
AT_ONCE = 3
TOTAL = 1.5  # seconds a backend may take
LATEST = 2 * TOTAL + 5.0  # two backends, and a busy machine
GIVEN_UP = 60.0  # seconds; a request that hangs

Cells = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> Iterator[Cells]:
    """What was seen, cell by cell; written to the page where that was asked for."""
    cells: Cells = {}
    yield cells
    if request.config.getoption("--write-fault-matrix"):
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        PAGE.write_text(head + BEGIN + _table(cells) + END + tail, encoding="utf-8")


def _table(cells: Cells) -> str:
    names = [name for name, _, _ in COLUMNS]
    rows = ["| fault | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    rows += [
        f"| {fault.name} | " + " | ".join(cells[fault.name, name] for name in names) + " |"
        for fault in faults()
    ]
    return "\n".join(rows) + "\n"


def _documented() -> Cells:
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    names = rows[0][1:]
    return {
        (row[0], name): cell for row in rows[2:] for name, cell in zip(names, row[1:], strict=True)
    }


def _impatient(name: str, url: str, protocol: str = "openai") -> Draft:
    one = backend(name, url if protocol == "openai" else url.removesuffix("/v1"))
    one.set("protocol", protocol)
    one.set("timeouts.connect", "500ms")
    one.set("timeouts.firstToken", "800ms")
    one.set("timeouts.idle", "400ms")
    one.set("timeouts.total", f"{int(TOTAL * 1000)}ms")
    return one


@pytest.mark.parametrize(
    ("column", "stream", "several"), COLUMNS, ids=[name for name, _, _ in COLUMNS]
)
@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
async def test_every_request_ends_well_or_says_why(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    seen: Cells,
    fault: Fault,
    column: str,
    *,
    stream: bool,
    several: bool,
) -> None:
    before = asyncio.all_tasks()
    async with (
        failing(fault, tmp_path, stream=stream) as url,
        running_upstream(good(stream=stream)) as spare,
    ):
        servers = asyncio.all_tasks() - before
        models = [_impatient("weak", url, fault.protocol)]
        if several:
            models.append(_impatient("strong", spare.url))
        async with running_gateway(tmp_path, table(*models)) as gateway:
            # One after another, for some faults are over with the next call; then all at once.
            told = [await _outcome(gateway, stream=stream) for _ in range(AT_ONCE)]
            spoken = (*[CHAT] * AT_ONCE, *OTHERS)
            at_once = (_outcome(gateway, stream=stream, spoken=one) for one in spoken)
            told_at_once = await asyncio.gather(*at_once)
            assert gateway.gateway.calls_under_way == 0

        async def nothing_is_left() -> bool:
            return asyncio.all_tasks() <= before | servers

        await eventually(nothing_is_left)  # a connection that is left is a task of its server
    assert len(set(told)) == 1, told
    outcome = told[0]
    if several and fault.falls_back and not (stream and fault.late):
        assert outcome.startswith("answer")
        assert all(one.startswith("answer") for one in told_at_once)
    seen[fault.name, column] = outcome
    if not request.config.getoption("--write-fault-matrix"):
        assert outcome == _documented()[fault.name, column]


async def _outcome(gateway: Running, *, stream: bool, spoken: Spoken = CHAT) -> str:
    """Ask once; what came, in the table's words, once it is known to be correct."""
    address = gateway.gateway.bound
    assert address is not None
    body = b'{"model":"auto","stream":%b,%b}' % (b"true" if stream else b"false", spoken.asked)
    began = asyncio.get_running_loop().time()
    raw = await asyncio.wait_for(ask(address.host, address.port, spoken.path, body), GIVEN_UP)
    assert asyncio.get_running_loop().time() - began < LATEST
    assert raw.whole
    assert raw.after == b""  # answered once
    if raw.headers["content-type"].startswith("text/event-stream"):
        return _stream_outcome(raw, spoken)
    return _whole_outcome(raw, spoken, stream=stream)


def _whole_outcome(raw: Raw, spoken: Spoken, *, stream: bool) -> str:
    if raw.status == 200:
        assert not stream
        assert raw.body == ANSWER if spoken is CHAT else f'"{TEXT}"'.encode() in raw.body
        assert json.loads(raw.body)
        return _answered(raw)
    error = json.loads(raw.body)["error"]
    assert {"message", "type"} <= set(error)
    assert spoken.last not in raw.body
    return f"{raw.status} `{error.get('code')}`"


def _stream_outcome(raw: Raw, spoken: Spoken) -> str:
    assert raw.status == 200
    if spoken.last in raw.body:
        assert raw.body.count(spoken.last) == 1
        assert raw.body == b"".join(PIECES) if spoken is CHAT else b"event: error" not in raw.body
        return _answered(raw)
    if spoken is CHAT:
        assert raw.body.startswith(PIECES[0])
    *_, last = raw.body.strip().split(b"\n\n")
    told = json.loads(last.partition(b"data: ")[2])
    assert b"error" in last  # no partial stream looks complete
    return f"error event `{told.get('error', told).get('code')}`"


def _answered(raw: Raw) -> str:
    reason = raw.headers["x-weir-reason"]
    if raw.headers["x-weir-model"] == "strong":
        kind, _, what = reason.partition(":")
        assert kind == "fallback"
        return f"answer of the second, `fallback:{what}`"
    return "answer, the call made again"


def test_the_table_has_a_row_for_every_fault_and_no_other() -> None:
    wanted = {(fault.name, name) for fault in faults() for name, _, _ in COLUMNS}
    assert set(_documented()) == wanted
