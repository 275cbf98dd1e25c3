"""`weir replay` as a program: policies started, recorded prompts over HTTP, choices settled."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.bundles import tiny_bundle
from support.parquet import write_parquet

PROMPTS = 300


def policies(folder: Path, **more: object) -> Path:
    """Long prompts go to `large` by the length router; `more` of the policy's spec."""
    backends = [
        {
            "apiVersion": "weir.dev/v1alpha1",
            "kind": "ModelBackend",
            "metadata": {"name": name},
            "spec": {
                "protocol": "openai",
                "endpoint": "http://127.0.0.1:9/v1",
                "model": name,
                "price": {"input": "1", "output": "1"},
            },
        }
        for name in ("small", "large", "judge")
    ]
    policy = {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": "chat"},
        "spec": {
            "match": {"models": ["ask"]},
            "candidates": [{"backend": "small"}, {"backend": "large"}],
            "router": {"name": "length"},
            "objective": {"threshold": "0.62"},
            "failureMode": {"scorer": "reject"},
            **more,
        },
    }
    path = folder / "policies.yaml"
    path.write_text(yaml.safe_dump_all([*backends, policy]), encoding="utf-8")
    return path


def outcomes(folder: Path) -> Path:
    """The small model fails on the long ones; both costs are recorded."""
    return write_parquet(
        folder / "outcomes.parquet",
        [
            {
                "prompt": f"{k} " + "what is the sum of two " * (k % 2 * 20),
                "model": model,
                "score": 1.0 if model == "large" or k % 2 == 0 else 0.0,
                "cost": 0.01 if model == "large" else 0.001,
            }
            for k in range(PROMPTS)
            for model in ("small", "large")
        ],
    )


def weir(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "weir_cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_policys_choices_are_settled_against_the_record(tmp_path: Path) -> None:
    done = weir(
        *("replay", "-f", str(policies(tmp_path)), "--data", str(outcomes(tmp_path))),
        *("--bundle", str(tiny_bundle(tmp_path)), "--json", "--concurrency", "4"),
    )
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    lines = {line["name"]: line for line in ledger["lines"]}
    served = ledger["prompts"]
    # A scorer that is late on a busy machine rejects, as the policy says.
    assert served + ledger["unserved"] == PROMPTS
    assert served > PROMPTS * 0.5
    assert ledger["reasons"]["scored"] == served
    assert lines["this policy"]["quality"]["value"] == 1.0
    assert lines["this policy"]["retained"]["value"] == 1.0
    assert lines["this policy"]["saved"]["value"] == pytest.approx(0.45, abs=0.15)
    assert lines["oracle"]["usd"]["value"] == pytest.approx(lines["this policy"]["usd"]["value"])
    assert lines["always large"]["saved"]["value"] == pytest.approx(0)


def test_what_is_not_on_record_is_said(tmp_path: Path) -> None:
    arguments = ("replay", "-f", str(policies(tmp_path)), "--data", str(outcomes(tmp_path)))
    bundle = ("--bundle", str(tiny_bundle(tmp_path)))
    done = weir(*arguments, *bundle, "--map", "small=tiny", "--map", "large=large")
    assert done.returncode == 1
    assert "Nothing is recorded for model 'tiny'." in done.stderr
    assert "There are: small, large" in done.stderr
    other = weir(*arguments, *bundle, "--source", "nowhere")
    assert other.returncode == 1
    assert "Nothing is recorded from source 'nowhere'." in other.stderr
    both = weir(*arguments, *bundle, "--gateway", "http://127.0.0.1:9")
    assert both.returncode == 2


def test_a_cascade_pays_for_what_it_did_not_accept_and_for_its_judge(tmp_path: Path) -> None:
    cascade = {"accept": "0.5", "judge": {"backend": "judge"}}
    files = policies(tmp_path, cascade=cascade, failureMode={"scorer": "weak"})
    arguments = ("replay", "-f", str(files), "--data", str(outcomes(tmp_path)))
    bundle = ("--bundle", str(tiny_bundle(tmp_path)), "--json")
    done = weir(*arguments, *bundle, "--judged", "0.9999999")
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    ours = next(line for line in ledger["lines"] if line["name"] == "this policy")
    half = PROMPTS // 2
    assert ledger["reasons"] == {"cascade_accepted": half, "cascade_escalated": half}
    assert ours["quality"]["value"] == 1.0
    judging = ours["usd"]["value"] / 1000 - (0.001 + 0.5 * 0.01)
    assert 350e-6 < judging < 550e-6  # 350 tokens and the prompt, at a dollar per million
    unsaid = weir(*arguments, *bundle)
    assert unsaid.returncode == 2
    assert "--judged" in unsaid.stderr


def test_what_is_asked_again_is_answered_by_a_cache_for_nothing(tmp_path: Path) -> None:
    kept = {"exact": {"ttl": "10m"}, "temperature": "any"}
    files = policies(tmp_path, cache=kept, failureMode={"scorer": "weak"})
    done = weir(
        *("replay", "-f", str(files), "--data", str(outcomes(tmp_path)), "--repeated", "0.5"),
        *("--bundle", str(tiny_bundle(tmp_path)), "--json"),
    )
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    ours = next(line for line in ledger["lines"] if line["name"] == "this policy")
    assert ledger["prompts"] == 2 * PROMPTS
    # Answers for want of a score are not kept, and a busy machine may have some.
    assert ledger["reasons"]["cache"] > PROMPTS * 0.5
    assert ours["saved"]["value"] > 0.6
