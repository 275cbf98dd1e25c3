"""How often the semantic cache would answer, and how often wrongly, on recorded prompts.

Every prompt is made into paraphrases, whose answers are the same, and into hard negatives, whose
answers are not; the nearest other prompt is one more of these. A pair is a hit where both gates
let it pass: the embeddings' cosine and the wording.

    python bench/semantic_cache.py --data ../shared/data --bundle .cache/bundle [--prompts 3000]
"""

import argparse
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_gateway.routing.cache.wording import wording
from weir_lab.datasets.parquet import ParquetTable
from weir_scorer import Bundle

THRESHOLDS = (0.0, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
SEED = 7
LONGEST = 2000  # characters: of longer prompts a router reads a part only
WINDOW = 256  # texts scored at a time
Change = Callable[[str, random.Random], str | None]  # None: it can't be applied to this prompt

ANTONYMS = {
    "increase": "decrease",
    "increases": "decreases",
    "higher": "lower",
    "before": "after",
    "largest": "smallest",
    "maximum": "minimum",
    "more": "less",
    "most": "least",
    "first": "last",
    "true": "false",
    "correct": "incorrect",
    "always": "never",
    "all": "some",
    "positive": "negative",
    "left": "right",
    "north": "south",
    "buy": "sell",
    "max": "min",
    "and": "or",
    "above": "below",
    "with": "without",
    "to": "from",
}
UNITS = {
    "km": "miles",
    "meters": "feet",
    "kg": "pounds",
    "hours": "minutes",
    "days": "weeks",
    "dollars": "euros",
    "cm": "mm",
    "seconds": "minutes",
    "years": "months",
    "percent": "points",
    "m": "cm",
    "minutes": "hours",
    "grams": "kilograms",
    "miles": "km",
    "inches": "feet",
}
VERBS = re.compile(r"(?i)^(explain|describe|write|list|give|find|compute|calculate|solve|create)\b")


def _once(pattern: str, by: str) -> Change:
    compiled = re.compile(pattern)

    def change(text: str, chance: random.Random) -> str | None:
        del chance
        changed, count = compiled.subn(by, text, count=1)
        return changed if count else None

    return change


def _one_word(swaps: dict[str, str]) -> Change:
    def change(text: str, chance: random.Random) -> str | None:
        found = [m for m in re.finditer(r"[A-Za-z]+", text) if m[0].lower() in swaps]
        if not found:
            return None
        at = chance.choice(found)
        return text[: at.start()] + swaps[at[0].lower()] + text[at.end() :]

    return change


def _typo(text: str, chance: random.Random) -> str | None:
    found = list(re.finditer(r"[a-z]{5,}", text))
    if not found:
        return None
    word = chance.choice(found)
    at = word.start() + chance.randrange(1, len(word[0]) - 2)
    changed = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return None if changed == text else changed


def _turned(text: str, chance: random.Random) -> str | None:
    del chance
    sentences = re.split(r"(?<=[.?!])\s+", text.strip())
    if len(sentences) < 2 or "\n" in text:
        return None
    return " ".join([*sentences[1:], sentences[0]])


def _courteous(text: str, chance: random.Random) -> str | None:
    if VERBS.match(text):
        text = (
            chance.choice(("Could you please ", "Please ", "Can you ")) + text[0].lower() + text[1:]
        )
    else:
        text = chance.choice(("Hi there! ", "Hello, ", "Please: ", "Good morning. ")) + text
    return text + chance.choice(("", " Thanks!", " Thank you.", "\nThanks in advance"))


def _spread(text: str, chance: random.Random) -> str | None:
    gaps = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text)]
    if not gaps:
        return None
    at = chance.choice(gaps)
    return text[:at] + "  " + text[at:] + " \n"


def _unpunctuated(text: str, chance: random.Random) -> str | None:
    del chance
    bare = re.sub(r"(?<=[A-Za-z])[.,;:?](?=\s|$)", "", text)
    return None if bare == text else bare


def _digit(text: str, chance: random.Random) -> str | None:
    found = [m.start() for m in re.finditer(r"\d", text)]
    if not found:
        return None
    at = chance.choice(found)
    return text[:at] + chance.choice([d for d in "123456789" if d != text[at]]) + text[at + 1 :]


def _swapped(pattern: str) -> Change:
    compiled = re.compile(pattern)

    def change(text: str, chance: random.Random) -> str | None:
        found = list(compiled.finditer(text))
        distinct = {m[0].lower() for m in found}
        if len(distinct) < 2:
            return None
        for _ in range(20):
            one, other = sorted(chance.sample(found, 2), key=lambda m: m.start())
            if one[0].lower() != other[0].lower():
                between = text[one.end() : other.start()]
                return text[: one.start()] + other[0] + between + one[0] + text[other.end() :]
        return None

    return change


PARAPHRASES: dict[str, Change] = {
    "case: all in lower case": lambda text, _: text.lower() if text.lower() != text else None,
    "punctuation left out": _unpunctuated,
    "spacing": _spread,
    "courtesy before and after": _courteous,
    "contraction": _once(r"\b(do|does|is|are|was|did|should) not\b", r"\1n't"),
    "`the` left out": _once(r"(?<=\w )the (?=\w)", ""),
    "typo: two letters change places": _typo,
    "sentences in another order": _turned,
    "`how do I` for `how can I` and the like": _once(
        r"(?i)\bhow (?:do|can|would) (?:i|you|we)\b", "how to"
    ),
}
NEGATIVES: dict[str, Change] = {
    "another digit": _digit,
    "negated": _once(
        r"\b(is|are|was|were|should|can|does|do|did|will|would|has|have)\b", r"\1 not"
    ),
    "negation left out": _once(r"(?i)\b(?:not|never|no) ", ""),
    "two names change places": _swapped(r"(?<=[a-z,] )[A-Z][a-z]{2,}"),
    "two words change places": _swapped(r"[A-Za-z]{4,}"),
    "two numbers change places": _swapped(r"\d+"),
    "opposite word": _one_word(ANTONYMS),
    "another unit": _one_word(UNITS),
}


@dataclass
class Row:
    """Pairs of one kind."""

    kind: str
    same_answer: bool
    alike: list[float] = field(default_factory=list[float])
    worded: list[bool] = field(default_factory=list[bool])
    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def add(self, one: str, other: str, alike: float) -> None:
        """Count one pair."""
        self.alike.append(alike)
        self.worded.append(wording(one) == wording(other))
        self.pairs.append((one, other))

    def hits(self, threshold: float, *, gated: bool = True) -> int:
        """How many pass at `threshold`; with `gated` the wording counts too."""
        return sum(
            alike >= threshold and (worded or not gated)
            for alike, worded in zip(self.alike, self.worded, strict=True)
        )


def read_prompts(data: Path, count: int, split: str, longest: int) -> list[str]:
    """Different prompts, chosen by chance."""
    rows = ParquetTable(data / "outcome_prompts.parquet").rows("prompt", "split")
    unique = {str(prompt).strip() for prompt, of in rows if of == split and prompt}
    chosen = sorted(prompt for prompt in unique if len(prompt) <= longest)
    random.Random(SEED).shuffle(chosen)  # noqa: S311 - a sample
    return chosen[:count]


def embedded(bundle: Bundle, texts: Sequence[str]) -> NDArray[np.float32]:
    """A row of length 1 per text."""
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), WINDOW):
        scores = bundle.score(list(texts[start : start + WINDOW]), want_embedding=True)
        if scores.embeddings is None:
            raise SystemExit("the bundle's default router computes no embedding")
        parts.append(np.asarray(scores.embeddings, dtype=np.float32))
        print(f"\r{min(start + WINDOW, len(texts))}/{len(texts)} texts", end="", flush=True)
    print()
    rows = np.concatenate(parts)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def made(prompts: Sequence[str], changes: dict[str, Change]) -> list[tuple[str, int, str]]:
    """Kind, whose it is, and the changed text."""
    chance = random.Random(SEED)  # noqa: S311 - test data
    return [
        (kind, number, changed)
        for kind, change in changes.items()
        for number, prompt in enumerate(prompts)
        if (changed := change(prompt, chance)) is not None and changed != prompt
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=3000)
    parser.add_argument("--split", default="dev", help="train or dev")
    parser.add_argument("--longest", type=int, default=LONGEST, help="characters of a prompt")
    parser.add_argument("--show", type=int, default=5, help="false hits that are shown")
    options = parser.parse_args()
    prompts = read_prompts(options.data, options.prompts, options.split, options.longest)
    rows = [Row(kind, same_answer=True) for kind in PARAPHRASES]
    rows += [Row(kind, same_answer=False) for kind in [*NEGATIVES, "nearest other prompt"]]
    by_kind = {row.kind: row for row in rows}
    with Bundle.open(options.bundle, devices=["cpu"]) as bundle:
        base = embedded(bundle, prompts)
        changed = [*made(prompts, PARAPHRASES), *made(prompts, NEGATIVES)]
        other = embedded(bundle, [text for _, _, text in changed])
    for (kind, number, text), vector in zip(changed, other, strict=True):
        by_kind[kind].add(prompts[number], text, float(base[number] @ vector))
    alike = base @ base.T
    np.fill_diagonal(alike, -1)
    for number, nearest in enumerate(alike.argmax(axis=1)):
        by_kind["nearest other prompt"].add(
            prompts[number], prompts[int(nearest)], float(alike[number, nearest])
        )
    report(rows, options.show)


def report(rows: Sequence[Row], show: int) -> None:
    """The table as docs/cache.md has it."""
    heads = [*(f"≥ {threshold:g}" for threshold in THRESHOLDS), "embedding alone, ≥ 0.97"]
    print(f"| pairs | kind | {' | '.join(heads)} |")
    print("|---|---|" + "---|" * (len(THRESHOLDS) + 1))
    for row in rows:
        print(_line(f"{len(row.pairs):,}", row.kind, [row]))
    for same, name in ((True, "**paraphrases: hits**"), (False, "**negatives: false hits**")):
        chosen = [row for row in rows if row.same_answer is same]
        print(_line(f"{sum(len(r.pairs) for r in chosen):,}", name, chosen))
    wrong = [
        (row.kind, one, other)
        for row in rows
        if not row.same_answer
        for (one, other), worded in zip(row.pairs, row.worded, strict=True)
        if worded
    ]
    for kind, one, other in wrong[:show]:
        print(f"\nfalse hit ({kind}):\n  {one[:300]!r}\n  {other[:300]!r}")


def _line(pairs: str, kind: str, rows: Sequence[Row]) -> str:
    total = max(sum(len(row.pairs) for row in rows), 1)
    shares = [sum(row.hits(t) for row in rows) / total for t in THRESHOLDS]
    alone = sum(row.hits(0.97, gated=False) for row in rows) / total
    return f"| {pairs} | {kind} | " + " | ".join(f"{s:.2%}" for s in [*shares, alone]) + " |"


if __name__ == "__main__":
    main()
