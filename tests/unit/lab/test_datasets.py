"""Loaders on real files: what is read, what is mended and said, what is refused and how."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.parquet import write_parquet
from weir_lab.datasets import (
    Winner,
    choose_pair,
    find_leaks,
    load_battles,
    load_outcomes,
    load_pair,
)
from weir_lab.datasets.texts import canonical, fingerprint
from weir_lab.errors import DataError, LabError, NothingToRoute

Rows = Sequence[Mapping[str, object]]

ROWS: Rows = [
    {"prompt": "Add 2 and 2.", "model": "small", "score": 1.0, "cost": 0.001},
    {"prompt": "Add 2 and 2.", "model": "large", "score": 1.0, "cost": 0.02},
    {"prompt": "Prove it.", "model": "small", "score": 0.0, "cost": 0.001},
    {"prompt": "Prove it.", "model": "large", "score": 0.5, "cost": 0.03},
]


def jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def csv(path: Path, rows: Rows) -> Path:
    names = list(rows[0])
    lines = [",".join(names), *(",".join(f'"{row[n]}"' for n in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "write"), [("d.jsonl", jsonl), ("d.csv", csv), ("d.parquet", write_parquet)]
)
def test_the_three_kinds_of_file_give_one_matrix(
    tmp_path: Path, name: str, write: Callable[[Path, Rows], Path]
) -> None:
    outcomes = load_outcomes(write(tmp_path / name, ROWS))
    assert outcomes.prompts == ("Add 2 and 2.", "Prove it.")
    assert outcomes.models == ("small", "large")
    assert outcomes.quality.tolist() == [[1.0, 1.0], [0.0, 0.5]]
    assert outcomes.cost.tolist() == [[0.001, 0.02], [0.001, 0.03]]
    assert np.isnan(outcomes.tokens).all()
    assert outcomes.sources == ("d", "d")
    assert outcomes.notes == ()


def test_a_folder_is_the_sum_of_its_files(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS[:2])
    csv(tmp_path / "b.csv", ROWS[2:])
    jsonl(
        tmp_path / "votes.jsonl", [{"prompt": "p", "model_a": "x", "model_b": "y", "winner": "tie"}]
    )
    outcomes = load_outcomes(tmp_path)
    assert len(outcomes) == 2
    assert outcomes.sources == ("a", "b")
    assert load_battles(tmp_path).winners == (Winner.TIE,)


def test_answers_to_one_prompt_are_averaged_and_said(tmp_path: Path) -> None:
    again: Rows = [{"prompt": "  add 2  AND 2.", "model": "small", "score": 0.0}]
    outcomes = load_outcomes(jsonl(tmp_path / "d.jsonl", [*ROWS, *again]))
    assert len(outcomes) == 2
    assert outcomes.quality[0, 0] == 0.5
    assert "1 answers repeat a prompt and model; 1 of these" in outcomes.notes[0]


def test_a_prompt_of_a_megabyte_is_taken_and_said(tmp_path: Path) -> None:
    long: Rows = [{"prompt": "x " * 500_000, "model": m, "score": 0.5} for m in ("small", "large")]
    for name, write in (("d.jsonl", jsonl), ("d.csv", csv)):
        outcomes = load_outcomes(write(tmp_path / name, long))
        assert len(outcomes.prompts[0]) == 1_000_000
        assert "1 prompts are longer than 100000 characters" in outcomes.notes[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"score": "high"}, "line 2, column 'score': 'high' is not a number"),
        ({"score": 1.5}, r"line 2, column 'score': 1.5 is outside \[0, 1\]"),
        ({"score": None}, "line 2, column 'score': an empty cell is not a number"),
        ({"score": float("nan")}, "line 2, column 'score': nan is not a number"),
        ({"score": True}, None),
        ({"score": [1]}, r"line 2, column 'score': \[1\] is not a number"),
        ({"prompt": " \n"}, "line 2, column 'prompt': .* is not a text"),
        ({"prompt": 7}, "line 2, column 'prompt': 7 is not a text"),
        ({"model": None}, "line 2, column 'model': an empty cell is not a text"),
        ({"cost": -1}, "line 2, column 'cost': -1 is below 0"),
        ({"cost": "free"}, "line 2, column 'cost': 'free' is not a number"),
    ],
)
def test_the_first_bad_cell_is_named(
    tmp_path: Path, row: dict[str, object], message: str | None
) -> None:
    path = jsonl(tmp_path / "d.jsonl", [ROWS[0], {**ROWS[1], **row}])
    if message is None:
        load_outcomes(path)
        return
    with pytest.raises(DataError, match=message) as raised:
        load_outcomes(path)
    assert str(path) in str(raised.value)


def test_rows_of_csv_and_parquet_are_counted_from_one(tmp_path: Path) -> None:
    bad = [ROWS[0], {**ROWS[1], "score": 2.0}]
    for name, write in (("d.csv", csv), ("d.parquet", write_parquet)):
        with pytest.raises(DataError, match="row 2, column 'score'"):
            load_outcomes(write(tmp_path / name, bad))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", b"", "the file is empty"),
        ("d.jsonl", b"\n\n", "the file has no rows"),
        ("d.csv", b"prompt,model,score\n", "the file has no rows"),
        ("d.csv", b"prompt,model\np,m\n", "column 'score' is missing; outcomes need"),
        ("d.csv", b"prompt,prompt\np,m\n", "names 'prompt' twice"),
        ("d.csv", b"prompt,model,score\na,b,c,d\n", "row 1: 4 fields where the header has 3"),
        ("d.csv", b'prompt,model,score\n"open,m,1\n', "not CSV"),
        ("d.jsonl", b'{"prompt": "p"}\n{broken\n', "line 2: not JSON"),
        ("d.jsonl", b"[1]\n", "line 1: a JSON object is needed"),
        ("d.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("d.jsonl", b'{"prompt": "ok"}\n{"prompt": "caf\xe9"}\n', "line 2: byte 0xe9 is not UTF-8"),
        ("d.csv", "prompt,model,score\n".encode("utf-16"), "is UTF-16 or UTF-32; save it as UTF-8"),
        ("d.parquet", b"PAR1 this is none PAR1", "not a readable parquet file"),
        ("d.txt", b"prompt", "unknown kind of file; use .parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_outcomes(path)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(b"\xef\xbb\xbfprompt,model,score\np,a,1\np,b,0\n")
    assert load_outcomes(path).models == ("a", "b")


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        load_outcomes(tmp_path / "none")
    with pytest.raises(DataError, match="the folder has no data files"):
        load_outcomes(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        load_pair(tmp_path / "none.csv")


@given(data=st.binary(max_size=200), suffix=st.sampled_from([".jsonl", ".csv", ".parquet"]))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"d{suffix}"
    path.write_bytes(data)
    with suppress(LabError):  # anything else is a bug
        load_outcomes(path)


def test_a_pair_is_the_best_and_the_cheapest(tmp_path: Path) -> None:
    pair = load_pair(jsonl(tmp_path / "d.jsonl", ROWS))
    assert (pair.weak_name, pair.strong_name) == ("small", "large")
    assert pair.strong_cost.tolist() == [0.02, 0.03]


def test_a_pair_keeps_what_both_answered(tmp_path: Path) -> None:
    rows = [*ROWS, {"prompt": "Only large.", "model": "large", "score": 0.2, "cost": 0.01}]
    pair = load_pair(jsonl(tmp_path / "d.jsonl", rows))
    assert len(pair) == 2
    assert "1 prompts that only one of the two" in pair.notes[-1]


def test_there_must_be_something_to_route(tmp_path: Path) -> None:
    one = load_outcomes(jsonl(tmp_path / "one.jsonl", [ROWS[0]]))
    with pytest.raises(NothingToRoute, match="one model only"):
        choose_pair(one)
    equal: Rows = [{"prompt": "p", "model": m, "score": 0.5} for m in ("a", "b")]
    with pytest.raises(NothingToRoute, match="the same on all 1 prompts"):
        load_pair(jsonl(tmp_path / "equal.jsonl", equal))
    both = load_outcomes(jsonl(tmp_path / "both.jsonl", ROWS))
    with pytest.raises(NothingToRoute, match="the other way round"):
        choose_pair(both, weak="large", strong="small")
    with pytest.raises(NothingToRoute, match="no outcomes of model 'huge'; there are small, large"):
        choose_pair(both, strong="huge")
    apart: Rows = [
        {"prompt": "p", "model": "a", "score": 0.5},
        {"prompt": "q", "model": "b", "score": 1.0},
    ]
    with pytest.raises(NothingToRoute, match="share no prompt"):
        load_pair(jsonl(tmp_path / "apart.jsonl", apart))


def test_paired_scores(tmp_path: Path) -> None:
    rows: Rows = [
        {
            "prompt": f"p{k}",
            "strong_score": 1,
            "weak_score": k % 2,
            "domain": "d",
            "contaminated": k > 2,
        }
        for k in range(4)
    ]
    pair = load_pair(write_parquet(tmp_path / "d.parquet", rows))
    assert pair.weak.tolist() == [0, 1, 0]
    assert pair.categories == ("d", "d", "d")
    assert pair.notes == ("1 prompts marked contaminated are left out",)
    with pytest.raises(DataError, match="column 'weak_score' is missing"):
        load_pair(jsonl(tmp_path / "half.jsonl", [{"prompt": "p", "strong_score": 1}]))
    outcomes = load_outcomes(tmp_path / "d.parquet")
    assert outcomes.models == ("weak", "strong")
    assert choose_pair(outcomes).strong.tolist() == [1, 1, 1]


def test_battles_in_both_forms(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    more = [*said, {"role": "user", "content": "Why?"}]
    arena: list[dict[str, object]] = [
        {
            "conversation_a": said,
            "conversation_b": said,
            "model_a": "x",
            "model_b": "y",
            "winner": w,
        }
        for w in ("model_b", "tie (bothbad)")
    ]
    arena.append(arena[0] | {"conversation_a": more})
    battles = load_battles(jsonl(tmp_path / "arena.jsonl", arena))
    assert battles.prompts == ("Hi", "Hi", "Hi\n\nWhy?")
    assert battles.winners == (Winner.B, Winner.TIE, Winner.B)
    assert load_battles(write_parquet(tmp_path / "arena.parquet", arena)) == battles


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"winner": "me"}, "line 1, column 'winner': 'me' is not one of model_a"),
        ({"model_b": "x"}, "line 1, column 'model_b': 'x' is compared with itself"),
        ({"model_a": None}, "line 1, column 'model_a'"),
        ({"conversation_a": "Hi", "conversation_b": []}, "a list of messages is needed"),
        ({"conversation_a": [], "conversation_b": []}, "no message of the user's"),
    ],
)
def test_battles_that_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    row: dict[str, object] = {"prompt": "p", "model_a": "x", "model_b": "y", "winner": "model_a"}
    with pytest.raises(DataError, match=message):
        load_battles(jsonl(tmp_path / "d.jsonl", [row | change]))


def test_leaks_by_hash_and_by_thirteen_words() -> None:
    run = " ".join(f"w{k}" for k in range(13))
    held_out = ["What is the capital of France?", f"First {run} last", "short one"]
    train = [
        "what IS the  capital of France?",
        f"Something else around {run}!",
        " ".join(f"w{k}" for k in range(12)),
        "w1 " + " ".join(f"w{k}" for k in range(12, -1, -1)),
        "short two",
    ]
    leaks = find_leaks(train, held_out)
    assert leaks.equal.tolist() == [True, False, False, False, False]
    assert leaks.overlapping.tolist() == [False, True, False, False, False]
    assert leaks.any.tolist() == [True, True, False, False, False]
    assert leaks.summary.startswith("1 prompts equal one of the evaluation's and 1 more")
    assert not find_leaks([], held_out).any.size
    assert not find_leaks(train, []).any.any()


@given(st.text(max_size=60))
def test_the_canonical_form_is_stable(text: str) -> None:
    assert canonical(f"  {text}\n") == canonical(text)
    assert fingerprint(text + " ") == fingerprint(text)
