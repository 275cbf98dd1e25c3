"""`match.models` with wildcards, and backends' aliases, by the official client over sockets."""

from pathlib import Path

import openai
import pytest

from support.drafts import Draft, TableDraft
from support.gateway import backend, running_gateway
from support.resources import policy
from support.upstream import answering, completion, running_upstream

ANSWER = completion()


def tables(url: str) -> TableDraft:
    """`small` and, by its alias, `org/small-v2` directly; all else by patterns."""
    small = backend("small", url).set("aliases", ["org/small-v2"])
    large = backend("large", url).set("model", "claude-opus-4")
    narrow = policy(
        "narrow",
        match={"models": ["claude-opus-*"]},
        candidates=[{"backend": "large"}],
        objective=None,
    )
    wide = policy(
        "wide",
        match={"models": ["claude-*", "auto"]},
        candidates=[{"backend": "small"}],
        objective=None,
        expose={"direct": True},
    )
    return TableDraft([small, large], [Draft(narrow), Draft(wide)])


async def test_patterns_and_aliases_serve_and_are_listed(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_gateway(tmp_path, tables(upstream.url)) as gateway,
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="unused") as client,
    ):
        served = {
            model: (
                await client.chat.completions.with_raw_response.create(
                    model=model, messages=[{"role": "user", "content": "hi"}]
                )
            ).headers["x-weir-policy"]
            for model in ("claude-opus-9", "claude-haiku-9", "auto", "org/small-v2")
        }
        listed = [model.id async for model in client.models.list()]
        found = await client.models.retrieve("claude-anything")
        with pytest.raises(openai.NotFoundError, match="no model 'gpt-9'"):
            await client.models.retrieve("gpt-9")
    assert served == {
        "claude-opus-9": "shop/narrow",
        "claude-haiku-9": "shop/wide",
        "auto": "shop/wide",
        "org/small-v2": "shop/wide",
    }
    assert listed == ["auto", "small", "org/small-v2", "claude-opus-4"]
    assert found.id == "claude-anything"
