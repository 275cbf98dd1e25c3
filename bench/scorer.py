"""The scorer alone, over gRPC: texts per second and latency at 1 to 512 callers, per router.

Last the default router in this process (`Bundle.score`), without the hop, by one caller.

`python -m bench.scorer [--bundle DIR ...] [--seconds S] [--cores N] [--rounds R] [--callers N ...]`
starts a scorer per bundle on N cores, asks them in turn from the others, prints a table and writes
bench/out/scorer.json. Some minutes. Of several rounds each figure is the median, so that bundles
compare with one another even where the machine has other things to do.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import onnxruntime as ort
import uvloop
from grpc import aio
from tokenizers import Tokenizer

from bench.processes import Running, start
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc
from weir_scorer import Bundle

OUT = Path(__file__).parent / "out" / "scorer.json"
CALLERS = (1, 8, 32, 128, 512)
SHORT, TYPICAL = 32, 64  # tokens of a prompt
CHANNELS = 4  # as many gateways; one HTTP/2 connection would queue its streams
WARM_SECONDS = 0.3
CALL_SECONDS = 30.0
START_SECONDS = 120.0
_WORDS = "why does the river run over a weir after rain and how high will it rise by night".split()  # noqa: SIM905 - reads better than a list of words


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of call."""

    title: str
    router: str
    texts: int  # per call
    tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often."""

    seconds: float
    rounds: int
    callers: tuple[int, ...]


_COLUMNS = "bundle        callers  texts/s  per core  cores  p50 ms  p99 ms"
LOADS = (
    Load("the hop alone (random), 1 text a call", "random", 1, TYPICAL),
    Load("default router, 1 text a call", "default", 1, TYPICAL),
    Load("default router, 1 text a call", "default", 1, SHORT),
    Load("default router, 16 texts a call (a gateway's tick)", "default", 16, SHORT),
    *(
        Load(f"{name}, 1 text a call", name, 1, TYPICAL)
        for name in ("length", "linear", "knn", "cluster", "mf", "sw_ranking", "ensemble")
    ),
)
IN_PROCESS = tuple(
    Load("in process: default router, 1 text a call", "default", 1, tokens)
    for tokens in (TYPICAL, SHORT)
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one number of callers got of one bundle; the median of the rounds."""

    bundle: str
    load: str
    router: str
    texts_per_call: int
    tokens: int
    callers: int
    texts_per_s: float
    texts_per_s_per_core: float  # of a core's time that the scorer used
    cores_used: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class Served:
    """A scorer that runs, and how to ask it."""

    scorer: Running
    stubs: "Sequence[scorer_pb2_grpc.ScorerAsyncStub]"
    description: pb.Description
    texts: Mapping[int, str]  # by their number of tokens
    bundle: Path

    @property
    def routers(self) -> frozenset[str]:
        """By which it can be asked."""
        return frozenset(router.name for router in self.description.routers) | {"default"}


@dataclass(slots=True)
class Tally:
    """What the callers of one row share."""

    ends: float
    errors: int = 0
    times: list[float] = field(default_factory=list[float])


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description="The scorer alone, over gRPC.")
    parser.add_argument("--bundle", type=Path, nargs="+", default=[Path(".cache/bundle")])
    parser.add_argument("--seconds", type=float, default=3.0, help="per row and round")
    parser.add_argument("--cores", type=int, default=0, help="for a scorer; 1, with a GPU half")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--callers", type=int, nargs="+", default=CALLERS)
    options = parser.parse_args()
    mine, theirs = _split(options.cores)
    os.sched_setaffinity(0, mine)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        started: dict[Path, tuple[Running, str]] = {}
        for number, bundle in enumerate(options.bundle):
            socket = Path(folder) / f"{number}.sock"
            environment = _environment(socket, bundle, len(theirs))
            scorer = start(["-m", "weir_scorer"], theirs, environment)
            running.callback(scorer.stop)
            started[bundle] = scorer, f"unix:{socket}"
        plan = Plan(options.seconds, options.rounds, tuple(options.callers))
        report = uvloop.run(_measure(started, plan))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report | {"scorer_cores": len(theirs)}, indent=1), encoding="utf-8")
    print(f"\n{OUT}")


def _split(wanted: int) -> tuple[frozenset[int], frozenset[int]]:
    """Cores for the callers and for the scorer; where there is one, they share it."""
    usable = sorted(os.sched_getaffinity(0))
    count = wanted or (max(1, len(usable) // 2) if _gpu() else 1)
    return frozenset(usable[count:] or usable), frozenset(usable[:count])


def _gpu() -> bool:
    return "CUDAExecutionProvider" in ort.get_available_providers()


def _environment(socket: Path, bundle: Path, cores: int) -> dict[str, str]:
    cpus = ",".join(f"cpu:{number}" for number in range(cores))
    return {
        "WEIR_SCORER_DEVICE": "cuda" if _gpu() else cpus,
        "WEIR_SCORER_LISTEN": f"unix://{socket}",
        "WEIR_SCORER_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER_BUNDLE": str(bundle),
        "WEIR_SCORER_QUEUE": "16384",  # 512 callers of 16 texts, so that nothing is shed
        "WEIR_LOG_LEVEL": "warning",
    }


async def _measure(started: Mapping[Path, tuple[Running, str]], plan: Plan) -> dict[str, object]:
    channels: list[aio.Channel] = []
    served: list[Served] = []
    for bundle, (scorer, target) in started.items():
        opened = [
            aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CHANNELS)
        ]
        channels += opened
        stubs = [scorer_pb2_grpc.ScorerStub(channel) for channel in opened]
        description = await _ready(scorer, stubs[0])
        texts = {tokens: _text(bundle, tokens) for tokens in (SHORT, TYPICAL)}
        served.append(Served(scorer, stubs, description, texts, bundle))
        _head(description)
    rows: list[Row] = []
    for load in LOADS:
        print(f"\n{load.title}, {load.tokens} tokens\n{_COLUMNS}")
        for callers in plan.callers:
            able = [one for one in served if load.router in one.routers]
            rows += await _in_turn([partial(_row, one, load, callers) for one in able], plan)
    rows += await _in_process(served, plan)
    for one in served:
        print(f"\n{one.description.versions.bundle}: resident {one.scorer.resident:.0f} MB")
    for channel in channels:
        await channel.close()
    return {
        "rows": [asdict(row) for row in rows],
        "rounds": plan.rounds,
        "devices": [_devices(one.description) for one in served],
        "resident_mb": [one.scorer.resident for one in served],
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }


async def _in_process(served: Sequence[Served], plan: Plan) -> list[Row]:
    """Scored here, while the scorers have nothing to do."""
    rows: list[Row] = []
    with ExitStack() as opened:
        device = "cuda" if _gpu() else "cpu"
        bundles = [
            opened.enter_context(Bundle.open(one.bundle, devices=[device])) for one in served
        ]
        for load in IN_PROCESS:
            print(f"\n{load.title}, {load.tokens} tokens\n{_COLUMNS}")
            texts = [one.texts[load.tokens] for one in served]
            asks = [partial(_alone, *each, load) for each in zip(bundles, texts, strict=True)]
            rows += await _in_turn(asks, plan)
    return rows


async def _alone(bundle: Bundle, text: str, load: Load, seconds: float) -> Row:
    """Nothing else runs on this loop, so that it may be held up."""
    _score_until(bundle, text, load, time.perf_counter() + WARM_SECONDS)
    cpu, began = time.process_time(), time.perf_counter()
    times = _score_until(bundle, text, load, began + seconds)
    elapsed, used = time.perf_counter() - began, time.process_time() - cpu
    return _as_row(bundle.version, load, 1, times, elapsed, used)


def _score_until(bundle: Bundle, text: str, load: Load, ends: float) -> list[float]:
    times: list[float] = []
    while (began := time.perf_counter()) < ends:
        bundle.score([text] * load.texts, load.router)
        times.append(time.perf_counter() - began)
    return times


async def _in_turn(asks: Sequence[Callable[[float], Awaitable[Row]]], plan: Plan) -> list[Row]:
    """A row a bundle, the bundles taking turns in every round; an ask is told its seconds."""
    found: list[list[Row]] = [[] for _ in asks]
    for _ in range(plan.rounds):
        for ask, mine in zip(asks, found, strict=True):
            mine.append(await ask(plan.seconds))
    rows = [_median(mine) for mine in found]
    for row in rows:
        _show(row)
    return rows


def _median(rows: Sequence[Row]) -> Row:
    names = ("texts_per_s", "texts_per_s_per_core", "cores_used", "p50_ms", "p99_ms")
    middle = {name: statistics.median(getattr(row, name) for row in rows) for name in names}
    return replace(rows[0], **middle, errors=sum(row.errors for row in rows))


async def _ready(scorer: Running, stub: "scorer_pb2_grpc.ScorerAsyncStub") -> pb.Description:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return await stub.Describe(pb.DescribeRequest(), timeout=CALL_SECONDS)
        except aio.AioRpcError:
            if scorer.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the scorer did not start; its last lines say why") from None
            await asyncio.sleep(0.05)


async def _row(served: Served, load: Load, callers: int, seconds: float) -> Row:
    scorer, stubs = served.scorer, served.stubs
    text = served.texts[load.tokens]
    request = pb.ScoreRequest(texts=[text] * load.texts, router=load.router)
    await _drive(stubs, request, callers, WARM_SECONDS)
    cpu, began = scorer.cpu, time.perf_counter()
    tally = await _drive(stubs, request, callers, seconds)
    elapsed, used = time.perf_counter() - began, scorer.cpu - cpu
    version = served.description.versions.bundle
    row = _as_row(version, load, callers, tally.times, elapsed, used)
    return replace(row, errors=tally.errors)


def _as_row(
    bundle: str, load: Load, callers: int, times: Sequence[float], elapsed: float, used: float
) -> Row:
    """`times` are a call's seconds each; `used` seconds of a core."""
    ordered = sorted(times)
    texts = len(times) * load.texts
    return Row(
        bundle=bundle,
        load=load.title,
        router=load.router,
        texts_per_call=load.texts,
        tokens=load.tokens,
        callers=callers,
        texts_per_s=texts / elapsed,
        texts_per_s_per_core=texts / max(used, 1e-9),
        cores_used=used / elapsed,
        p50_ms=1e3 * _at(ordered, 0.5),
        p99_ms=1e3 * _at(ordered, 0.99),
        errors=0,
    )


async def _drive(
    stubs: "Sequence[scorer_pb2_grpc.ScorerAsyncStub]",
    request: pb.ScoreRequest,
    callers: int,
    seconds: float,
) -> Tally:
    tally = Tally(time.perf_counter() + seconds)
    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            caller = _caller(stubs[number % len(stubs)], request, tally)
            group.create_task(caller, name=f"caller-{number}")
    return tally


async def _caller(
    stub: "scorer_pb2_grpc.ScorerAsyncStub", request: pb.ScoreRequest, tally: Tally
) -> None:
    while (began := time.perf_counter()) < tally.ends:
        try:
            await stub.Score(request, timeout=CALL_SECONDS)
        except aio.AioRpcError:
            tally.errors += 1
            continue
        tally.times.append(time.perf_counter() - began)


def _text(bundle: Path, tokens: int) -> str:
    """A text of exactly so many tokens of the bundle's tokenizer."""
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words: list[str] = []
    while len(tokenizer.encode(" ".join(words)).ids) < tokens:
        words.append(_WORDS[len(words) % len(_WORDS)])
    return " ".join(words)


def _devices(description: pb.Description) -> str:
    return ", ".join(f"{d.name} {d.provider} {d.precision}" for d in description.devices)


def _head(description: pb.Description) -> None:
    print(f"bundle {description.versions.bundle} on {_devices(description)}")


def _show(row: Row) -> None:
    failed = f"  {row.errors} errors" if row.errors else ""
    print(
        f"{row.bundle.split('@')[0]:12} {row.callers:8} {row.texts_per_s:8.0f}"
        f" {row.texts_per_s_per_core:9.0f} {row.cores_used:6.2f} {row.p50_ms:7.2f}"
        f" {row.p99_ms:7.2f}{failed}",
        flush=True,
    )


def _at(ordered: Sequence[float], quantile: float) -> float:
    return ordered[min(int(len(ordered) * quantile), len(ordered) - 1)] if ordered else 0.0


if __name__ == "__main__":
    main()
