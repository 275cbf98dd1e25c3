"""No prompt that tests a router's good sense, nor one much like it, is among those of training.

A failure names ids alone: a test's prompts stay unread by those that write training prompts.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from support.bundles import ROOT
from weir_lab.datasets import find_leaks
from weir_lab.datasets.sense import SensePair, load_sense_chats, load_sense_pairs
from weir_lab.datasets.texts import canonical

DATA = ROOT / "tests" / "data"
SHINGLE = 5  # characters
ALIKE = 0.6  # of all shingles of two prompts; equal sentences with another number have more


def test_no_training_prompt_equals_or_contains_one_of_the_test() -> None:
    train, held_out = _train(), _held_out()
    assert len(train) > 100
    leaks = find_leaks([text for _, text in train], [text for _, text in held_out])
    found = [name for (name, _), leak in zip(train, leaks.any, strict=True) if leak]
    assert not found, leaks.summary


def test_no_training_prompt_is_much_like_one_of_the_test() -> None:
    held_out = [(name, _shingles(text)) for name, text in _held_out()]
    alike = [
        (mine, theirs)
        for mine, text in _train()
        for shingles in [_shingles(text)]
        for theirs, others in held_out
        if _likeness(shingles, others) >= ALIKE
    ]
    assert not alike


def test_likeness_finds_a_sentence_with_another_number_and_not_another_sentence() -> None:
    asked = _shingles("How many players does a handball team have on the court?")
    again = _shingles("how many players does a volleyball team have on the court?")
    other = _shingles("How many strings does a double bass have?")
    assert _likeness(asked, again) >= ALIKE > 2 * _likeness(asked, other)


def _train() -> list[tuple[str, str]]:
    with as_file(files("weir_lab.sense") / "pairs") as folder:
        return [found for path in sorted(folder.glob("*.jsonl")) for found in _prompts(path)]


def _held_out() -> list[tuple[str, str]]:
    chats = load_sense_chats(DATA / "sense_chats.jsonl")
    turns = [
        (f"chat {k}", turn) for k, chat in enumerate(chats) if chat.hard for turn in chat.turns
    ]
    return [*_prompts(DATA / "sense_pairs.jsonl"), *(turn for turn in turns if len(turn[1]) > 40)]


def _prompts(path: Path) -> Iterator[tuple[str, str]]:
    return _named(load_sense_pairs(path))


def _named(pairs: Sequence[SensePair]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        yield f"{pair.id} easy", "\n".join(pair.easy)
        yield f"{pair.id} hard", "\n".join(pair.hard)


def _shingles(text: str) -> frozenset[str]:
    whole = canonical(text)
    return frozenset(whole[k : k + SHINGLE] for k in range(max(1, len(whole) - SHINGLE + 1)))


def _likeness(left: frozenset[str], right: frozenset[str]) -> float:
    if min(len(left), len(right)) < ALIKE * max(len(left), len(right)):
        return 0.0  # too unlike in length to reach it
    return len(left & right) / len(left | right)
