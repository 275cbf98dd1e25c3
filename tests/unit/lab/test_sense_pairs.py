"""The self-written prompts: their shape, and that length says nothing of difficulty."""

import re
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from scipy.stats import spearmanr

SENSE = files("weir_lab.sense")
TEST_PAIRS = Path(__file__).resolve().parents[2] / "data" / "sense_pairs.jsonl"

LEAST_PAIRS = 600
LEAST_PAIRS_OF_A_LANGUAGE = 40
LANGUAGES = {"ar", "de", "en", "es", "fr", "hi", "ja", "ru", "zh"}
# Both sides are equally many, so this is an AUROC of length between .47 and .53.
CORRELATION = 0.05
COPIED_WORDS = 13
# Chinese and Japanese put no space between words: each character counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")

Prompt = str | Annotated[list[str], msgspec.Meta(min_length=2, max_length=6)]


class Prompts(msgspec.Struct, frozen=True):
    """What any file of pairs holds, the other author's too."""

    easy: Prompt
    hard: Prompt

    @property
    def both(self) -> tuple[Prompt, Prompt]:
        return self.easy, self.hard


class Pair(Prompts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a file of our own pairs."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}-\d{4}$")]
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")]
    kind: Literal["natural", "like_length", "hard_shorter", "pasted", "chat", "code"]
    subject: Annotated[str, msgspec.Meta(min_length=2)]


def turns(prompt: Prompt) -> list[str]:
    return [prompt] if isinstance(prompt, str) else prompt


def length(prompt: Prompt) -> int:
    return sum(map(len, turns(prompt)))


def lines(name: str) -> list[str]:
    folder = SENSE / name
    return [
        line for file in folder.iterdir() for line in file.read_text(encoding="utf-8").splitlines()
    ]


def pairs() -> list[Pair]:
    return [msgspec.json.decode(line, type=Pair) for line in lines("pairs")]


def by_language() -> dict[str, list[Pair]]:
    grouped: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs():
        grouped[pair.language].append(pair)
    return dict(grouped)


def runs(prompt: Prompt) -> set[tuple[str, ...]]:
    """Every run of words long enough to be a copy."""
    words = WORD.findall(" ".join(turns(prompt)).lower())
    return {
        tuple(words[start : start + COPIED_WORDS]) for start in range(len(words) - COPIED_WORDS + 1)
    }


def test_every_line_is_a_pair_with_an_id_of_its_own() -> None:
    read = pairs()
    assert len(read) >= LEAST_PAIRS
    ids = Counter(pair.id for pair in read)
    assert [name for name, uses in ids.items() if uses > 1] == []
    assert [pair.id for pair in read if not pair.id.startswith(f"{pair.language}-")] == []


def test_a_file_is_short_and_named_after_its_language() -> None:
    for file in (SENSE / "pairs").iterdir():
        read = file.read_text(encoding="utf-8").splitlines()
        assert len(read) <= 400
        languages = {msgspec.json.decode(line, type=Pair).language for line in read}
        assert languages == {file.name[:2]}


def test_no_prompt_occurs_twice_and_none_has_space_around_it() -> None:
    prompts = [turns(prompt) for pair in pairs() for prompt in pair.both]
    uses = Counter(" ".join(" ".join(prompt).lower().split()) for prompt in prompts)
    assert [prompt for prompt, times in uses.items() if times > 1] == []
    assert [turn for prompt in prompts for turn in prompt if turn != turn.strip() or not turn] == []


def test_lengths_are_what_the_kind_says() -> None:
    for pair in pairs():
        easy, hard = length(pair.easy), length(pair.hard)
        assert max(easy, hard) <= 1_500, pair.id
        if pair.kind == "like_length":
            assert abs(easy - hard) <= 0.1 * max(easy, hard), pair.id
        if pair.kind == "hard_shorter":
            assert hard < easy / 2, pair.id
        if pair.kind == "natural":
            assert hard > easy, pair.id


def test_only_a_chat_has_several_turns() -> None:
    for pair in pairs():
        several = any(isinstance(prompt, list) for prompt in pair.both)
        assert several == (pair.kind == "chat"), pair.id


def test_nine_languages_have_pairs_enough_to_learn_from() -> None:
    counts = {language: len(read) for language, read in by_language().items()}
    assert set(counts) == LANGUAGES
    assert {name: n for name, n in counts.items() if n < LEAST_PAIRS_OF_A_LANGUAGE} == {}


@pytest.mark.parametrize("kind", ["natural", "like_length", "hard_shorter", "pasted", "chat"])
def test_every_language_has_every_kind(kind: str) -> None:
    assert {pair.language for pair in pairs() if pair.kind == kind} == LANGUAGES


@pytest.mark.parametrize(("language", "read"), by_language().items())
def test_length_tells_nothing_of_difficulty(language: str, read: list[Pair]) -> None:
    lengths = [length(pair.easy) for pair in read] + [length(pair.hard) for pair in read]
    hard = [0] * len(read) + [1] * len(read)
    assert abs(float(spearmanr(lengths, hard).statistic)) < CORRELATION, language


def test_no_test_pair_shares_a_long_run_of_words() -> None:
    if not TEST_PAIRS.is_file():
        pytest.skip("no pairs of another author: tests/data/sense_pairs.jsonl is missing")
    held_out = [
        msgspec.json.decode(line, type=Prompts)
        for line in TEST_PAIRS.read_text(encoding="utf-8").splitlines()
    ]
    known = set[tuple[str, ...]]().union(
        *(runs(prompt) for pair in held_out for prompt in pair.both)
    )
    copied = [pair.id for pair in pairs() if any(runs(prompt) & known for prompt in pair.both)]
    assert copied == []


def test_filler_passages_are_about_a_page_each() -> None:
    passages = {
        file.name: file.read_text(encoding="utf-8") for file in (SENSE / "filler").iterdir()
    }
    assert len(passages) >= 14
    assert [name for name, text in passages.items() if not 1_200 <= len(text) <= 2_500] == []
