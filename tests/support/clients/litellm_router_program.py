"""LiteLLM's Router with Weir's strategy: prints the models that answered, as JSON.

    python litellm_router_program.py URL POLICIES

Run in LiteLLM's own environment, which has neither our tests nor our types.
"""

import asyncio
import importlib
import json
import sys
from typing import Any


def main(url: str, policies: str) -> None:
    litellm: Any = importlib.import_module("litellm")
    weir: Any = importlib.import_module("weir")
    weir_litellm: Any = importlib.import_module("weir.litellm")
    names = {"small-group": "small-1", "large-group": "large-1", "auto": "unrouted"}
    router = litellm.Router(
        model_list=[
            {
                "model_name": name,
                "litellm_params": {
                    "model": f"openai/{model}",
                    "api_base": f"{url}/v1",
                    "api_key": "none",
                },
            }
            for name, model in names.items()
        ]
    )
    decider = weir.Decider.open(policies)
    groups = {"small": "small-group", "large": "large-group"}
    weir_litellm.use_weir(router, decider, groups)

    def call(text: str, **more: Any) -> dict[str, Any]:
        return {"model": "auto", "messages": [{"role": "user", "content": text}], **more}

    async def asynchronous() -> str:
        answer = await router.acompletion(**call("a hard one"))
        return str(answer.choices[0].message.content)

    answered = {
        "sync": str(router.completion(**call("hi")).choices[0].message.content),
        "async": asyncio.run(asynchronous()),
        "named": str(
            router.completion(**{**call("hard"), "model": "small-group"}).choices[0].message.content
        ),
    }
    sys.stdout.write(json.dumps(answered))


if __name__ == "__main__":
    main(*sys.argv[1:3])
