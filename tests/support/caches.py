"""A table with caches, and requests that take part in them."""

import json
import re

from support.drafts import TableDraft
from support.gateway import backend, table

MINUTES_10 = 600_000


def cached_table(
    *urls: str,
    exact_ms: int = MINUTES_10,
    semantic_ms: int = 0,
    similarity: float = 0.9,
    scope: str = "key",
    temperature: str = "0",
) -> TableDraft:
    """One policy with a cache over backends at `urls`, weakest first; the last costs tenfold."""
    names = ("weak", "strong")[: len(urls)]
    prices = (1_000_000, 10_000_000)
    backends = [
        backend(name, url, micro_usd=price)
        for name, url, price in zip(names, urls, prices, strict=False)
    ]
    for draft in backends:
        draft.spec["capabilities"] = ["tools", "jsonSchema"]
    made = table(*backends)
    exact = {"exact": {"ttl": f"{exact_ms}ms"}} if exact_ms else {}
    by_meaning = {"ttl": f"{semantic_ms}ms", "similarity": f"{similarity:g}"}
    semantic = {"semantic": by_meaning} if semantic_ms else {}
    cache = {**exact, **semantic, "scope": scope, "temperature": temperature}
    made.policies[0].spec["cache"] = cache
    return made


def chat(prompt: str = "What is a weir?", **fields: object) -> bytes:
    """A chat request at temperature 0; a field that is None is left out."""
    body = {
        "model": "auto",
        "temperature": 0,
        "messages": [{"role": "user", "content": prompt}],
        **fields,
    }
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def without_id(answer: bytes) -> bytes:
    """What an answer says: all but its id, which each request has of its own."""
    return re.sub(rb'"id": ?"[^"]*"', b'"id": ""', answer)
