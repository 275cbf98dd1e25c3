"""A LlamaIndex program of its own environment: one case, asked of one model, told as JSON.

    python llama_index_program.py URL MODEL CASE

Run by `support.clients.own_environment`: that library wants another version of OpenAI's client than
our own tests do. Knows nothing of Weir but its URL.
"""

import importlib
import json
import sys
from typing import Any

QUESTION = "What is 2 + 2?"


def main() -> int:
    """Ask, and print what came."""
    url, model, case = sys.argv[1:]
    like: Any = importlib.import_module("llama_index.llms.openai_like")
    llm = like.OpenAILike(
        model=model,
        api_base=url,
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        timeout=60,
    )
    json.dump(CASES[case](llm), sys.stdout)
    return 0


def answer(llm: Any) -> dict[str, Any]:
    """`complete` and `chat`."""
    types: Any = importlib.import_module("llama_index.core.llms")
    done = llm.chat([types.ChatMessage(role="user", content=QUESTION)])
    usage = done.raw.usage
    return {
        "text": llm.complete(QUESTION).text,
        "chat": done.message.content,
        "in": usage.prompt_tokens,
    }


def stream(llm: Any) -> dict[str, Any]:
    """`stream_chat`, and whether its pieces make up the whole."""
    types: Any = importlib.import_module("llama_index.core.llms")
    pieces = list(llm.stream_chat([types.ChatMessage(role="user", content=QUESTION)]))
    joined = "".join(piece.delta or "" for piece in pieces)
    return {"pieces": len(pieces), "joined": joined, "last": pieces[-1].message.content}


def tools(llm: Any) -> dict[str, Any]:
    """A tool that must be called."""
    made: Any = importlib.import_module("llama_index.core.tools")
    tool = made.FunctionTool.from_defaults(fn=read_gauge)
    done = llm.chat_with_tools([tool], user_msg=QUESTION, tool_required=True)
    calls = llm.get_tool_calls_from_response(done, error_on_no_tool_call=False)
    return {"called": [call.tool_name for call in calls]}


def read_gauge(gauge: str) -> str:
    """Read a gauge."""
    return gauge


def error(llm: Any) -> dict[str, Any]:
    """Which of the OpenAI client's exceptions a model that isn't there raises."""
    client: Any = importlib.import_module("openai")
    try:
        llm.complete(QUESTION)
    except client.APIStatusError as refused:
        return {"raised": type(refused).__name__, "status": refused.status_code}
    return {"raised": None}


CASES = {"answer": answer, "stream": stream, "tools": tools, "error": error}

if __name__ == "__main__":
    sys.exit(main())
