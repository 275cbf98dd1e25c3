"""Failures as each provider words them: status, body, and whether another model is asked."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProviderFault:
    """One provider's failure."""

    name: str
    status: int
    body: bytes
    falls_back: bool = True
    protocol: str = "openai"  # of the backend that is called
    headers: tuple[str, ...] = ()


def _fault(name: str, status: int, body: Any, *, falls_back: bool = True) -> ProviderFault:
    return ProviderFault(name, status, json.dumps(body).encode(), falls_back)


def _native(
    name: str, protocol: str, status: int, body: Any, *headers: str, falls_back: bool = True
) -> ProviderFault:
    """A failure on the provider's own wire."""
    written = json.dumps(body).encode()
    return ProviderFault(name, status, written, falls_back, protocol, headers)


def _google(code: int, status: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


def _aws(name: str) -> str:
    return f"x-amzn-errortype: {name}"


def _openai(message: str, type_: str, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


FILTERED = {
    **_openai("The response was filtered due to the prompt.", "", "content_filter")["error"],
    "innererror": {"code": "ResponsibleAIPolicyViolation"},
}
TOO_LONG = "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens"
TOO_LONG_INPUT = "The input (9001 tokens) is longer than the model's context length (8192 tokens)."
FORBIDDEN = {"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs"}
TOO_LARGE = "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9001"

PROVIDER_FAULTS: tuple[ProviderFault, ...] = (
    _fault(
        "OpenAI: quota used up",
        429,
        _openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
    ),
    _fault(
        "OpenAI: overloaded", 503, _openai("The engine is currently overloaded", "server_error")
    ),
    _fault("Azure: content filter", 400, {"error": FILTERED}, falls_back=False),
    _fault(
        "Azure: no such deployment",
        404,
        _openai("The API deployment for this resource does not exist.", "", "DeploymentNotFound"),
    ),
    _fault(
        "Anthropic: overloaded",
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    _fault(
        "Gemini: quota used up",
        429,
        [{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}],
    ),
    _fault(
        "vLLM: prompt too long",
        400,
        {"object": "error", "message": TOO_LONG, "type": "BadRequestError", "code": 400},
    ),
    _fault(
        "SGLang: prompt too long",
        400,
        {
            "object": "error",
            "message": TOO_LONG_INPUT,
            "code": 400,
        },
    ),
    _fault(
        "llama.cpp: prompt too long",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
            }
        },
    ),
    _fault(
        "llama.cpp: model is loading",
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
    ),
    _fault(
        "Ollama: no such model",
        404,
        _openai('model "x" not found, try pulling it first', "api_error"),
    ),
    _fault(
        "Mistral: field refused",
        422,
        {"object": "error", "message": {"detail": [FORBIDDEN]}, "type": "invalid_request_error"},
        falls_back=False,
    ),
    _fault(
        "DeepSeek: balance used up",
        402,
        _openai("Insufficient Balance", "unknown_error", "invalid_request_error"),
    ),
    _fault(
        "xAI: no such model",
        404,
        {"code": "Some requested entity was not found", "error": "The model x does not exist"},
    ),
    _fault("Groq: tokens a minute", 413, _openai(TOO_LARGE, "tokens", "rate_limit_exceeded")),
    _fault(
        "OpenRouter: error with status 200",
        200,
        {"error": {"code": 502, "message": "Provider returned error"}},
    ),
    _native(
        "Gemini, native: model overloaded",
        "gemini",
        503,
        _google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    ),
    _native(
        "Gemini, native: prompt too long",
        "gemini",
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        ),
    ),
    _native(
        "Gemini, native: no such model",
        "gemini",
        404,
        _google(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
    ),
    _native(
        "Anthropic, native: overloaded",
        "anthropic",
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    _native(
        "Anthropic, native: credit used up",
        "anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the Anthropic API.",
            },
        },
    ),
    _native(
        "Bedrock: throttled",
        "bedrock",
        429,
        {"message": "Too many requests, please wait before trying again."},
        _aws("ThrottlingException"),
    ),
    _native(
        "Bedrock: prompt too long",
        "bedrock",
        400,
        {"message": "Input is too long for requested model."},
        _aws("ValidationException"),
    ),
    _native(
        "Bedrock: access denied",
        "bedrock",
        403,
        {"message": "You don't have access to the model with the specified model ID."},
        _aws("AccessDeniedException"),
    ),
    _fault("OpenRouter: no choices", 200, {"id": "c1", "object": "chat.completion", "choices": []}),
)
