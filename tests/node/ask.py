"""What a user of the cluster does: the official client, by the Service's name. Runs in a pod.

    python ask.py BASE_URL TRACE_ID COUNT

Prints JSON: for each prompt the model, the reason, and the streamed text's length.
"""

import json
import sys
from typing import Any

import openai

PROMPTS = (
    "what is 2 + 2?",
    (
        "Implement in Rust an async B-tree with optimistic locking; the interface must be generic "
        "over key and value, must not allocate on lookups, and must come with property tests. "
        "Explain the memory ordering of each atomic access and prove that insert and delete are "
        "linearizable."
    ),
)


def ask(client: openai.OpenAI, prompt: str) -> dict[str, Any]:
    """One streamed request."""
    reply = client.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        stream_options={"include_usage": True},  # what isn't told can't be counted in dollars
    )
    headers, text, finish = reply.headers, "", None
    for chunk in reply.parse():
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {
        "model": headers["x-weir-model"],
        "reason": headers["x-weir-reason"],
        "decision": headers["x-weir-decision"],
        "characters": len(text),
        "finish": finish,
    }


def main() -> None:
    """Ask and tell."""
    url, trace, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    headers = {"traceparent": f"00-{trace}-{'1' * 16}-01"}
    client = openai.OpenAI(base_url=url, api_key="none", default_headers=headers)
    prompts = [f"Number {n}: {PROMPTS[n % len(PROMPTS)]}" for n in range(count)]
    print(json.dumps([ask(client, prompt) for prompt in prompts]))  # noqa: T201 - its result


if __name__ == "__main__":
    main()
