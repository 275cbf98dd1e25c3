"""Coding agents that are installed here, run for real against a chat provider behind Weir.

Each gets an empty home and talks to Weir alone. One that isn't installed is skipped, and
the reason says how to get it.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.gateway import Running, running_gateway, table
from support.matrix.chat import ChatProvider
from support.matrix.said import Called, Finish, Json, Said
from support.upstream import Exchange, Upstream, running_upstream

MODEL: Final = "weir"
PROMPT: Final = "Make a file."
DONE: Final = "The file is made."
WRITE: Final = "echo made > made.txt"
WITHIN: Final = 120.0  # seconds; a first start unpacks programs
SHELLS: Final[Mapping[str, Json]] = {  # the tool of each agent that runs a command
    "exec_command": {"cmd": WRITE},
    "Bash": {"command": WRITE, "description": "Makes it"},
    "bash": {"command": WRITE, "description": "Makes it"},
}


@dataclass(frozen=True, slots=True)
class Agent:
    """A program and how it is told to use Weir."""

    program: str
    get: str  # what installs it
    arguments: Callable[[str], list[str]]  # by Weir's address
    environment: Callable[[str], dict[str, str]] = lambda _: {"OPENAI_API_KEY": "k"}
    files: Callable[[str], dict[str, str]] = lambda _: {}  # in the folder it works in
    makes_the_file: bool = True


def _codex(url: str) -> list[str]:
    provider = f'{{name="weir",base_url="{url}/v1",wire_api="responses",env_key="OPENAI_API_KEY"}}'
    settings = {
        "model": MODEL,
        "model_provider": "weir",
        "model_providers.weir": provider,
        "sandbox_mode": "danger-full-access",
    }
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return ["exec", "--skip-git-repo-check", *given, PROMPT]


def _opencode(url: str) -> dict[str, str]:
    provider: Json = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "k"},
        "models": {MODEL: {"name": MODEL}},
    }
    return {"opencode.json": json.dumps({"provider": {"weir": provider}})}


def _llm(url: str) -> dict[str, str]:
    lines = ["- model_id: weir", f"  model_name: {MODEL}", f"  api_base: {url}/v1"]
    return {"extra-openai-models.yaml": "\n".join(lines)}


AGENTS: Final = (
    Agent("codex", "npm install -g @openai/codex", _codex),
    Agent(
        "claude",
        "npm install -g @anthropic-ai/claude-code",
        lambda _: ["-p", PROMPT, "--allowedTools", "Bash", "--model", MODEL],
        lambda url: {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_AUTH_TOKEN": "k",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
    ),
    Agent(
        "opencode",
        "npm install -g opencode-ai",
        lambda _: ["run", "--model", f"weir/{MODEL}", PROMPT],
        lambda _: {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        _opencode,
    ),
    Agent(
        "aider",
        "pipx install aider-chat",
        lambda _: [
            *("--model", f"openai/{MODEL}", "--no-git", "--yes", "--no-check-update"),
            *("--analytics-disable", "--no-show-model-warnings", "--message", PROMPT),
        ],
        lambda url: {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "k"},
        makes_the_file=False,
    ),
    Agent(
        "llm",
        "pipx install llm",
        lambda _: ["-m", "weir", PROMPT],
        lambda _: {"OPENAI_API_KEY": "k", "LLM_USER_PATH": "."},
        _llm,
        makes_the_file=False,
    ),
)


async def _play(exchange: Exchange) -> None:
    """Run a command by the shell that is offered, and then say that it is done."""
    body: Json = json.loads(exchange.received.body)
    offered = [tool["function"]["name"] for tool in body.get("tools", ())]
    name = next((name for name in SHELLS if name in offered), "")
    said = Said(f"{DONE}\n")
    if name and body["messages"][-1]["role"] != "tool":
        calls = (Called(name, json.dumps(SHELLS[name]), "call_1"),)
        said = Said(calls=calls, finish=Finish.CALLS)
    if not body.get("stream"):
        await exchange.answer(ChatProvider().whole(said))
        return
    await exchange.begin()
    for piece in ChatProvider().stream(said):
        await exchange.chunk(piece)
    await exchange.end()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with running_upstream(_play) as upstream:
        yield upstream


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Running]:
    served = ChatProvider().backend("only", upstream.url)
    async with running_gateway(tmp_path, table(served, model="*")) as gateway:
        yield gateway


async def _run(agent: Agent, program: str, url: str, folder: Path) -> tuple[int | None, str]:
    """Its exit status and what it wrote."""
    home = folder / "home"
    home.mkdir()
    (home / ".codex").mkdir()
    for name, content in agent.files(url).items():
        (folder / name).write_text(content)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **agent.environment(url)}
    process = await asyncio.create_subprocess_exec(
        program,
        *agent.arguments(url),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN):
            written, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return process.returncode, written.decode(errors="replace")


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.program)
async def test_an_agent_does_its_work(
    gateway: Running, upstream: Upstream, tmp_path: Path, agent: Agent
) -> None:
    program = shutil.which(agent.program)
    if program is None:
        pytest.skip(f"{agent.program} isn't installed: {agent.get}")
    folder = tmp_path / "work"
    folder.mkdir()
    status, written = await _run(agent, program, gateway.url, folder)
    assert status == 0, written
    assert DONE in written
    assert (folder / "made.txt").exists() is agent.makes_the_file
    assert upstream.received
