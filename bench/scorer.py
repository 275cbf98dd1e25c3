"""The scorer alone, over gRPC: texts per second and latency at 1 to 512 callers.

`python -m bench.scorer [--bundle DIR] [--seconds S] [--cores N]` starts a scorer on N cores, asks
it from the others, prints a table and writes bench/out/scorer.json. About a minute.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import onnxruntime as ort
import uvloop
from grpc import aio
from tokenizers import Tokenizer

from bench.processes import Running, start
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc

OUT = Path(__file__).parent / "out" / "scorer.json"
CALLERS = (1, 8, 32, 128, 512)
TOKENS = 32
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


LOADS = (
    Load("the hop alone (random), 1 text a call", "random", 1),
    Load("default router, 1 text a call", "default", 1),
    Load("default router, 16 texts a call (a gateway's tick)", "default", 16),
    *(
        Load(f"{name}, 1 text a call", name, 1)
        for name in ("knn", "cluster", "mf", "sw_ranking", "ensemble")
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one number of callers got."""

    load: str
    router: str
    texts_per_call: int
    callers: int
    texts_per_s: float
    texts_per_s_per_core: float  # of a core's time that the scorer used
    cores_used: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(slots=True)
class Tally:
    """What the callers of one row share."""

    ends: float
    calls: int = 0
    errors: int = 0
    times: list[float] = field(default_factory=list[float])


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description="The scorer alone, over gRPC.")
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per row")
    parser.add_argument("--cores", type=int, default=0, help="for the scorer; 1, with a GPU half")
    options = parser.parse_args()
    mine, theirs = _split(options.cores)
    os.sched_setaffinity(0, mine)
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "scorer.sock"
        environment = _environment(socket, options.bundle, len(theirs))
        scorer = start(["-m", "weir_scorer"], theirs, environment)
        try:
            report = uvloop.run(_measure(scorer, f"unix:{socket}", options.bundle, options.seconds))
        finally:
            scorer.stop()
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


async def _measure(scorer: Running, target: str, bundle: Path, seconds: float) -> dict[str, object]:
    channels = [
        aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CHANNELS)
    ]
    stubs = [scorer_pb2_grpc.ScorerStub(channel) for channel in channels]
    description = await _ready(scorer, stubs[0])
    text = _text(bundle)
    _head(description)
    rows: list[Row] = []
    for load in LOADS:
        print(f"\n{load.title}\n callers  texts/s  per core  cores  p50 ms  p99 ms")
        for callers in CALLERS:
            row = await _row(scorer, stubs, load, callers, text, seconds)
            rows.append(row)
            _show(row)
    resident = scorer.resident
    print(f"\nresident {resident:.0f} MB")
    for channel in channels:
        await channel.close()
    return {
        "rows": [asdict(row) for row in rows],
        "tokens": TOKENS,
        "bundle": description.versions.bundle,
        "devices": [f"{d.name} {d.provider} {d.precision}" for d in description.devices],
        "resident_mb": resident,
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }


async def _ready(scorer: Running, stub: "scorer_pb2_grpc.ScorerAsyncStub") -> pb.Description:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return await stub.Describe(pb.DescribeRequest(), timeout=CALL_SECONDS)
        except aio.AioRpcError:
            if scorer.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the scorer did not start; its last lines say why") from None
            await asyncio.sleep(0.05)


async def _row(
    scorer: Running,
    stubs: "Sequence[scorer_pb2_grpc.ScorerAsyncStub]",
    load: Load,
    callers: int,
    text: str,
    seconds: float,
) -> Row:
    request = pb.ScoreRequest(texts=[text] * load.texts, router=load.router)
    await _drive(stubs, request, callers, WARM_SECONDS)
    cpu, began = scorer.cpu, time.perf_counter()
    tally = await _drive(stubs, request, callers, seconds)
    elapsed, used = time.perf_counter() - began, scorer.cpu - cpu
    times = sorted(tally.times)
    texts = tally.calls * load.texts
    return Row(
        load=load.title,
        router=load.router,
        texts_per_call=load.texts,
        callers=callers,
        texts_per_s=texts / elapsed,
        texts_per_s_per_core=texts / max(used, 1e-9),
        cores_used=used / elapsed,
        p50_ms=1e3 * _at(times, 0.5),
        p99_ms=1e3 * _at(times, 0.99),
        errors=tally.errors,
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
        tally.calls += 1


def _text(bundle: Path) -> str:
    """A text of exactly TOKENS tokens of the bundle's tokenizer."""
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words: list[str] = []
    while len(tokenizer.encode(" ".join(words)).ids) < TOKENS:
        words.append(_WORDS[len(words) % len(_WORDS)])
    return " ".join(words)


def _head(description: pb.Description) -> None:
    devices = ", ".join(f"{d.name} {d.provider} {d.precision}" for d in description.devices)
    print(f"bundle {description.versions.bundle} on {devices}; texts of {TOKENS} tokens")


def _show(row: Row) -> None:
    failed = f"  {row.errors} errors" if row.errors else ""
    print(
        f"{row.callers:8} {row.texts_per_s:8.0f} {row.texts_per_s_per_core:9.0f}"
        f" {row.cores_used:6.2f} {row.p50_ms:7.2f} {row.p99_ms:7.2f}{failed}",
        flush=True,
    )


def _at(ordered: Sequence[float], quantile: float) -> float:
    return ordered[min(int(len(ordered) * quantile), len(ordered) - 1)] if ordered else 0.0


if __name__ == "__main__":
    main()
