"""`weir key`: a key is shown once, its hash is kept, and nothing else."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from weir_cli.key import key
from weir_gateway.adapters.keys import parse
from weir_policy.spec.limits import Limit, Measure, Window


def run(path: Path, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(key, [command, "--file", str(path), *rest])


def test_made_listed_revoked(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys.json"
    made = run(path, "create", "--name", "team-a", "--policy", "shop/*", "--no-direct")
    assert made.exit_code == 0
    shown = made.output.strip()
    assert shown.startswith("wk-")
    assert shown not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(path, "create", "--name", "team-b", "--expires", "24h").exit_code == 0
    a, b = parse(path.read_bytes()).values()
    assert (a.name, a.policies, a.direct, a.expires) == ("team-a", ("shop/*",), False, None)
    assert b.expires is not None
    listed = json.loads(run(path, "list", "--json").output)
    assert [entry["name"] for entry in listed["keys"]] == ["team-a", "team-b"]
    assert "shop/*" in run(path, "list").output
    assert run(path, "revoke", "team-a").exit_code == 0
    assert [k.name for k in parse(path.read_bytes()).values()] == ["team-b"]


def test_a_key_gets_limits(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    counts = ("--requests-per-minute", "60", "--tokens-per-minute", "9000")
    money = ("--usd-per-minute", "0.5", "--usd-per-day", "50", "--strong-usd-per-day", "20")
    assert run(path, "create", "--name", "a", *counts, *money).exit_code == 0
    (entry,) = json.loads(path.read_text())["keys"]
    assert entry["limits"] == {
        "requestsPerMinute": 60,
        "tokensPerMinute": 9000,
        "usdPerMinute": "0.5",
        "usdPerDay": "50",
        "strongUsdPerDay": "20",
    }
    (made,) = parse(path.read_bytes()).values()
    assert Limit(Measure.REQUESTS, Window.MINUTE, 60) in made.limits
    assert len(made.limits) == 5
    wrong = run(path, "create", "--name", "b", "--usd-per-day", "lots")
    assert wrong.exit_code != 0


def test_mistakes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert "can't be read" in run(path, "list").output
    run(path, "create", "--name", "a")
    again = run(path, "create", "--name", "a")
    assert (again.exit_code, "already" in again.output) == (1, True)
    unknown = run(path, "revoke", "b")
    assert (unknown.exit_code, "no key named b" in unknown.output) == (1, True)
    assert run(path, "create", "--name", "c", "--expires", "soon").exit_code == 2
    path.write_text("{")
    assert "not valid" in run(path, "list").output
