"""A ledger's feedback: summed beside the money, and written out for the lab to learn from."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from support.rated_ledger import write_ledger
from support.synthetic_ratings import World
from weir_cli.ledger.command import ledger
from weir_lab.datasets.load import load_battles, load_outcomes


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(ledger, ["--ledger", str(folder / "ledger.db"), *words])


def summed(folder: Path, *words: str) -> dict[str, Any]:
    result = run(folder, "--json", *words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_mean_ratings_stand_beside_the_money(tmp_path: Path) -> None:
    logged = write_ledger(tmp_path / "ledger.db", World(), 200)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute("DELETE FROM feedback WHERE decision LIKE '%0'")  # one in sixteen
        told = {
            model: (count, mean)
            for model, count, mean in database.execute(
                "SELECT model, count(*), avg(rating) FROM feedback JOIN ledger USING (decision) "
                "GROUP BY 1"
            )
        }
    found = {line["group"]: line for line in summed(tmp_path)["lines"]}
    assert set(found) == {"weak", "strong"}
    for model, (count, mean) in told.items():
        assert found[model]["rated"] == count
        assert found[model]["rating"] == pytest.approx(mean)
    assert found["strong"]["requests"] == int(logged.strong.sum()) > found["strong"]["rated"]
    for by in ("policy", "key", "reason", "day"):
        (line,) = summed(tmp_path, "--by", by)["lines"]
        assert line["rated"] == sum(count for count, _ in told.values())
    assert "mean" in run(tmp_path).output.splitlines()[0]


def test_heavier_keys_count_more(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 10)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute("UPDATE feedback SET rating = 0, weight = 1")
        database.execute(
            "UPDATE feedback SET rating = 1, weight = 9 WHERE decision = "
            "(SELECT min(decision) FROM feedback)"
        )
    (line,) = summed(tmp_path, "--by", "policy")["lines"]
    assert line["rating"] == pytest.approx(0.5)


def test_without_feedback_nothing_is_said_of_it(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 10)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute("DROP TABLE feedback")  # an older gateway's file
    assert "mean" not in run(tmp_path).output
    assert summed(tmp_path)["total"]["rated"] == 0


def test_scores_become_the_lab_s_outcomes(tmp_path: Path) -> None:
    logged = write_ledger(tmp_path / "ledger.db", World(), 300, content=True)
    out = tmp_path / "rated.jsonl"
    assert "300 lines" in run(tmp_path, "--rated", str(out)).output
    outcomes = load_outcomes(out)
    assert (len(outcomes), set(outcomes.models)) == (300, {"weak", "strong"})
    strong = outcomes.quality[:, outcomes.models.index("strong")]
    row = [int(prompt.split()[1]) for prompt in outcomes.prompts]
    assert [index for index, known in zip(row, np.isfinite(strong), strict=True) if known] == [
        index for index in row if logged.strong[index]
    ]
    assert set(outcomes.sources) == {"shop/chat"}


def test_preferences_become_the_lab_s_battles(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 300, content=True, preferring=True)
    out = tmp_path / "preferred.jsonl"
    result = run(tmp_path, "--preferred", str(out), "--json")
    assert json.loads(result.output) == {"files": {str(out): 300}}
    battles = load_battles(out)
    assert len(battles) == 300
    pairs = set(zip(battles.model_a, battles.model_b, strict=True))
    assert pairs == {("weak", "strong"), ("strong", "weak")}


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (False, "--rated", "WEIR_TELEMETRY_CONTENT"),
        (True, "--preferred", "no such feedback"),
    ],
)
def test_nothing_to_learn_from_leaves_no_file(
    tmp_path: Path,
    *,
    content: bool,
    words: str,
    said: str,
) -> None:
    write_ledger(tmp_path / "ledger.db", World(), 10, content=content)
    out = tmp_path / "out.jsonl"
    result = run(tmp_path, words, str(out))
    assert (result.exit_code, said in result.output) == (1, True)
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    missing = run(tmp_path, words, str(tmp_path / "none" / "out.jsonl"))
    assert missing.exit_code == 1
