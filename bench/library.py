"""The decision as a library beside its bundle's scoring alone: what `weir.decide` adds.

    python -m bench.library [BUNDLE]

The two are measured in turn on the same prompts in one process, so that a busy machine slows both;
the ratio is what to compare between machines. Prints a table and writes bench/out/library.json.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import weir
from weir_scorer import Bundle

OUT = Path(__file__).parent / "out" / "library.json"
ROUNDS = 15
PROMPTS = 40  # a round; each is another text, so that nothing is remembered
WORDS = {"12 tokens": 4, "64 tokens": 30, "8,000 characters": 1_200}  # two tokens a word
CALLERS = 16  # of adecide at a time
MICRO = 1e6
POLICIES = Path(__file__).parent.parent / "examples" / "quickstart"


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds a prompt, medians over the rounds."""

    prompts: str
    score: float  # Bundle.score alone, with predicted quality
    decide: float
    adecide: float  # one after the other
    adecide_many: float  # CALLERS at a time, per prompt
    ratio: float  # of `decide` to `score`, the median of the rounds' own


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".cache/bundle")
    with (
        Bundle.open(folder, devices=["cpu"]) as bundle,
        weir.Decider.open(POLICIES, bundle=folder, timeout=30.0) as decider,
    ):
        rows = [asyncio.run(_measure(name, bundle, decider)) for name in WORDS]
    print(f"{'a rule decides':<17} decide {_ruled(folder):7.0f} µs: all but the score")
    for row in rows:
        print(
            f"{row.prompts:<17} score {row.score:7.0f} µs   decide {row.decide:7.0f} µs"
            f"   ratio {row.ratio:.2f}   adecide {row.adecide:7.0f} µs"
            f"   {CALLERS} at a time {row.adecide_many:7.0f} µs"
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(row) for row in rows], indent=2))


def _ruled(folder: Path) -> float:
    """Microseconds of a decision that needs no score."""
    rule = {"name": "all", "when": "request.chars >= 0", "use": "large"}
    spec = {"candidates": [{"backend": "small"}, {"backend": "large"}], "rules": [rule]}
    policy = {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": "ruled"},
        "spec": {**spec, "match": {"models": ["auto"]}, "objective": {"threshold": "0.5"}},
    }
    models = POLICIES / "models.yaml"
    with weir.Decider.open([models, policy], bundle=folder) as decider:
        texts = [_text(WORDS["64 tokens"], number) for number in range(PROMPTS)]
        return median(_time(decider.decide, texts) for _ in range(ROUNDS))


async def _measure(name: str, bundle: Bundle, decider: weir.Decider) -> Row:
    rounds: list[tuple[float, float, float, float]] = []
    for number in range(-1, ROUNDS):
        texts = [_text(WORDS[name], number * PROMPTS + at) for at in range(PROMPTS)]
        timed = (
            _time(lambda text: bundle.score([text], want_quality=True), texts),
            _time(decider.decide, texts),
            await _time_async(decider, texts, callers=1),
            await _time_async(decider, texts, callers=CALLERS),
        )
        if number >= 0:  # the first one warms up
            rounds.append(timed)
    score, decide, one, many = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(each[1] / each[0] for each in rounds)
    return Row(name, score, decide, one, many, ratio)


def _time(call: Callable[[str], object], texts: Sequence[str]) -> float:
    started = perf_counter()
    for text in texts:
        call(text)
    return (perf_counter() - started) / len(texts) * MICRO


async def _time_async(decider: weir.Decider, texts: Sequence[str], *, callers: int) -> float:
    waiting = iter(texts)

    async def caller() -> None:
        for text in waiting:
            await decider.adecide(text)

    started = perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return (perf_counter() - started) / len(texts) * MICRO


def _text(words: int, number: int) -> str:
    return " ".join([f"Prompt {number}:", *(f"word{(number + at) % 97}" for at in range(words))])


if __name__ == "__main__":
    main()
