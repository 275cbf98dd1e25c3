"""What clients feel when half of a provider's calls fail: `python -m bench.faults`.

200 requests a second (open loop: they come whether or not others are answered) through one gateway,
for three policies in turn: two endpoints that work, two of which one fails half of its calls, and
two models of which the first does. Each gets a gateway of its own, so that no breaker is known yet.
The latency that failures add is told against the first row of the same run.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles

import aiohttp

from bench.processes import Cores, cores, start
from bench.weir import free, wait_ready
from weir_cli.addresses import url
from weir_operator.local import compile_paths
from weir_runtime.quantities import Address

OUT = Path(__file__).parent / "out" / "faults.json"
DELAY_MS = "20"  # of the provider, each call
FIGURE_MS = 100 + 20 + 30  # added at most: the first retry's longest wait, one more call, slack
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
HEADERS = {"Content-Type": "application/json"}

_BACKEND = """
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: @NAME@}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:@PORT@/v1
  model: mock
"""
_SECOND = "  endpoints: [{endpoint: 'http://127.0.0.1:@PORT@/v1'}]\n"
_POLICY = """
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: a}@SECOND@]
"""
_RULE = """
  rules: [{name: always, when: "true", use: a}]
  objective: {threshold: "0.5"}
  failureMode: {upstream: [b]}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy's clients felt."""

    name: str
    requests: int
    success: float  # [0,1]
    p50_ms: float
    p99_ms: float
    added_p99_ms: float  # to the first row's
    failures: int  # calls that failed; each opened breaker stops more
    opened: bool  # the failing endpoint's breaker, by the end


@dataclass(slots=True)
class Felt:
    """The answers of one run."""

    statuses: list[int] = field(default_factory=list[int])
    seconds: list[float] = field(default_factory=list[float])


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seconds each, as a smoke test")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each row")
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    arguments = parser.parse_args()
    seconds = 2.0 if arguments.quick else arguments.seconds
    rows: list[Row] = []
    with ExitStack() as stack:
        on = cores()
        ports = [_provider(stack, share, on) for share in ("0", "0.5")]
        for name, policy in _policies(*ports).items():
            base = rows[0].p99_ms if rows else None
            rows.append(_row(name, policy, on, (arguments.rate, seconds), base))
            print(_told(rows[-1]), flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    for row in rows[1:]:
        met = row.success >= 0.999 and row.added_p99_ms <= FIGURE_MS
        print(f"{row.name}: {'met' if met else 'MISSED'} (99.9 %, {FIGURE_MS} ms)")


def _provider(stack: ExitStack, share: str, on: Cores) -> str:
    running = start(["-m", "bench.flaky", share, DELAY_MS], on.others)
    stack.callback(running.stop)
    return running.ready()


def _policies(good: str, flaky: str) -> dict[str, str]:
    def backend(name: str, port: str) -> str:
        return _BACKEND.replace("@NAME@", name).replace("@PORT@", port)

    def both(second: str) -> str:
        one = backend("a", good) + _SECOND.replace("@PORT@", second)
        return f"{one}---{_POLICY.replace('@SECOND@', '')}"

    two = _POLICY.replace("@SECOND@", ", {backend: b}").rstrip() + _RULE
    models = (backend("a", flaky), backend("b", good), two)
    return {
        "both endpoints work": both(good),
        "one of two endpoints fails half": both(flaky),
        "the first of two models fails half": "---".join(models),
    }


def _row(name: str, policy: str, on: Cores, load: tuple[int, float], base: float | None) -> Row:
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        at, admin = free(), free()
        running = start(
            ["-m", "weir_gateway"], on.gateway, _settings(Path(folder), policy, at, admin)
        )
        try:
            wait_ready(admin)
            felt = asyncio.run(_drive(url(at), *load))
            with urllib.request.urlopen(f"{url(admin)}/metrics", timeout=5) as answer:  # noqa: S310 - our own
                metrics: str = answer.read().decode()
        finally:
            running.stop()
    cuts = quantiles(felt.seconds, n=100)
    p99 = cuts[98] * 1000
    return Row(
        name=name,
        requests=len(felt.statuses),
        success=felt.statuses.count(200) / len(felt.statuses),
        p50_ms=cuts[49] * 1000,
        p99_ms=p99,
        added_p99_ms=p99 - base if base is not None else 0.0,
        failures=_failures(metrics),
        opened=re.search(r"weir_upstream_breaker{[^}]*} (1|0\.5)", metrics) is not None,
    )


def _settings(folder: Path, policy: str, at: Address, admin: Address) -> dict[str, str]:
    file = folder / "policies.yaml"
    file.write_text(policy, encoding="utf-8")
    compiled = compile_paths([file])
    if compiled.mistakes:
        raise SystemExit("\n".join(map(str, compiled.mistakes)))
    table = folder / "routetable.json"
    table.write_bytes(compiled.table_json)
    return {
        "WEIR_LISTEN": str(at),
        "WEIR_ADMIN": str(admin),
        "WEIR_ROUTETABLE_FILE": str(table),
        "WEIR_SCORER": f"unix://{folder}/nobody.sock",
        "WEIR_LOG_LEVEL": "error",
        "WEIR_DRAIN": "1s",
        "WEIR_DRAIN_LINGER": "0",
    }


async def _drive(base: str, rate: int, seconds: float) -> Felt:
    """Send on a fixed schedule; latency counts from when a request was due."""
    felt = Felt()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(due: float) -> None:
            async with session.post(
                f"{base}/v1/chat/completions", data=BODY, headers=HEADERS
            ) as response:
                await response.read()
                felt.statuses.append(response.status)
                felt.seconds.append(time.perf_counter() - due)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(due - time.perf_counter(), 0))
                group.create_task(one(due), name="bench-request")
    return felt


def _failures(metrics: str) -> int:
    found = re.findall(r'weir_upstream_calls_total{[^}]*outcome="500"[^}]*} ([0-9.]+)', metrics)
    return int(sum(map(float, found)))


def _told(row: Row) -> str:
    return (
        f"{row.name:36} {row.requests:6} requests  {100 * row.success:7.3f} % answered  "
        f"p50 {row.p50_ms:6.1f} ms  p99 {row.p99_ms:6.1f} ms (added {row.added_p99_ms:+6.1f})  "
        f"{row.failures} calls failed{', breaker open' if row.opened else ''}"
    )


if __name__ == "__main__":
    main()
