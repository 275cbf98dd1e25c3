"""The official OpenAI client's embeddings from llama.cpp's own server."""

from pathlib import Path

import openai
import pytest

from support.gateway import backend, running_gateway, table
from support.llamacpp.server import llama_server


async def test_embeddings(tmp_path: Path) -> None:
    with llama_server(tmp_path, embeddings=True) as server:
        only = backend("only", f"{server}/v1")
        only.spec["wires"] = ["embeddings"]
        async with (
            running_gateway(tmp_path, table(only)) as running,
            openai.AsyncOpenAI(
                base_url=f"{running.url}/v1", api_key="none", max_retries=0
            ) as client,
        ):
            made = await client.embeddings.create(model="auto", input=["a weir", "a gate"])
            again = await client.embeddings.create(model="auto", input="a weir")
            packed = await client.embeddings.with_raw_response.create(
                model="auto", input="a weir", encoding_format="base64"
            )
            with pytest.raises(openai.APIStatusError):
                await client.chat.completions.create(
                    model="auto", messages=[{"role": "user", "content": "hi"}]
                )
    assert [each.index for each in made.data] == [0, 1]
    assert made.data[0].embedding == pytest.approx(again.data[0].embedding, abs=1e-3)
    assert made.data[0].embedding != made.data[1].embedding
    assert made.usage.prompt_tokens > 0
    assert packed.headers["x-weir-model"] == "only"
