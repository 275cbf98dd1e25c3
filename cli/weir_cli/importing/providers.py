"""How LiteLLM's `provider/model` names a provider, and what a ModelBackend says instead."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Provider:
    """What a prefix of LiteLLM's stands for."""

    endpoint: str  # as the provider documents it; empty: the configuration must name it
    key: str = ""  # the environment variable that LiteLLM reads where no key is written
    protocol: str = "openai"


OPENAI: Final = Provider("https://api.openai.com/v1", "OPENAI_API_KEY")
AZURE: Final = Provider("", "AZURE_API_KEY")
BEDROCK: Final = Provider("", protocol="bedrock")
VERTEX: Final = Provider("", protocol="vertex")
PROVIDERS: Final = {
    "openai": OPENAI,
    "azure": AZURE,
    "bedrock": BEDROCK,
    "bedrock_converse": BEDROCK,
    "anthropic": Provider("https://api.anthropic.com", "ANTHROPIC_API_KEY", "anthropic"),
    "cerebras": Provider("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "dashscope": Provider(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"
    ),
    "deepinfra": Provider("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks_ai": Provider("https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    "gemini": Provider("https://generativelanguage.googleapis.com", "GEMINI_API_KEY", "gemini"),
    "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "hosted_vllm": Provider("", "HOSTED_VLLM_API_KEY"),
    "lm_studio": Provider("http://localhost:1234/v1", "LM_STUDIO_API_KEY"),
    "mistral": Provider("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "moonshot": Provider("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "nvidia_nim": Provider("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "ollama": Provider("http://localhost:11434/v1"),
    "ollama_chat": Provider("http://localhost:11434/v1"),
    "openai_like": Provider("", "OPENAI_LIKE_API_KEY"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": Provider("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "sambanova": Provider("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "text-completion-openai": OPENAI,
    "together_ai": Provider("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    "vertex_ai": VERTEX,
    "vllm": Provider("", "HOSTED_VLLM_API_KEY"),
    "xai": Provider("https://api.x.ai/v1", "XAI_API_KEY"),
}


def split_model(model: str) -> tuple[str, str]:
    """LiteLLM's name as provider and model; a bare name is OpenAI's or, if it says so, Claude."""
    prefix, slash, rest = model.partition("/")
    if prefix == "bedrock":  # `bedrock/converse/MODEL` names one of Bedrock's two APIs
        rest = rest.removeprefix("converse/").removeprefix("invoke/")
    if slash and prefix in PROVIDERS:
        return prefix, rest
    if not slash:
        return ("anthropic" if model.startswith("claude") else "openai"), model
    return prefix, rest
