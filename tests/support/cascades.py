"""What tests of cascades share: a policy that cascades, a judge that is told what to say."""

import json
from math import log
from pathlib import Path

from support.drafts import TableDraft
from support.gateway import backend, table
from support.upstream import Behaviour, Exchange

BODY = b'{"model":"auto","messages":[{"role":"user","content":"What is two and two?"}]}'
STREAM_BODY = BODY.replace(
    b'"auto"', b'"auto","stream":true,"stream_options":{"include_usage":true}'
)
JUDGE_USAGE = {"prompt_tokens": 100, "completion_tokens": 1}


def cascade_table(
    weak: str, strong: str, judge: str = "", *, accept: float = 0.7, timeout_ms: int = 2000
) -> TableDraft:
    """weak at 1 USD a million tokens, strong at 10, and a judge at 2 where there is one."""
    two = [backend("weak", weak), backend("strong", strong, micro_usd=10_000_000)]
    made = table(*two)
    cascade: dict[str, object] = {"accept": f"{accept:g}"}
    if judge:
        made.backends.append(backend("judge", judge, micro_usd=2_000_000))
        cascade["judge"] = {"backend": "judge", "timeout": f"{timeout_ms}ms"}
    made.policies[0].set("failureMode.upstream", []).set("cascade", cascade)
    return made


def verdict(probability: float) -> bytes:
    """A judge's answer of one token, with the probabilities of both."""
    odds = {"yes": probability, "no": 1 - probability}
    word = "yes" if probability > 1 / 2 else "no"
    alternatives = [
        {"token": word, "logprob": log(p), "bytes": None} for word, p in odds.items() if p
    ]
    first = {"token": word, "logprob": log(odds[word]), "bytes": None, "top_logprobs": alternatives}
    message = {"role": "assistant", "content": word}
    choice = {"index": 0, "message": message, "logprobs": {"content": [first]}}
    return json.dumps({"choices": [choice], "usage": JUDGE_USAGE}).encode()


def plain_verdict(text: str) -> bytes:
    """A judge's answer without probabilities."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None}
    return json.dumps({"choices": [choice], "usage": JUDGE_USAGE}).encode()


def in_turn(*answers: bytes | Behaviour) -> Behaviour:
    """One answer after the other, the last again and again."""
    left = list(answers)

    async def behave(exchange: Exchange) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        await (exchange.answer(now) if isinstance(now, bytes) else now(exchange))

    return behave


def ledger_setting(folder: Path) -> tuple[tuple[str, str], ...]:
    """The setting that keeps one there."""
    return (("WEIR_LEDGER", str(folder / "ledger.db")),)
