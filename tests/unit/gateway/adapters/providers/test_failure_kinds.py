"""Each provider's words for each kind of refusal, in the envelope that it writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.providers.failure_kinds import failure_kind
from weir_gateway.domain.errors import UpstreamFailure as Kind
from weir_wires.error_reading import read_error


def wrapped(message: str, **fields: object) -> object:
    return {"error": {"message": message, **fields}}


TOO_LONG: dict[str, tuple[int, object]] = {
    "openai": (
        400,
        wrapped(
            "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"
        ),
    ),
    "openai responses": (400, wrapped("Your input exceeds the context window of this model.")),
    "azure": (400, wrapped("x", code="context_length_exceeded", innererror={"code": None})),
    "openai text": (
        400,
        wrapped(
            "Invalid 'messages[0].content': string too long.",
            code="string_above_max_length",
            param="messages[0].content",
        ),
    ),
    "anthropic": (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens > 200000 maximum",
            },
        },
    ),
    "anthropic limit": (
        400,
        wrapped("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    ),
    "anthropic bytes": (413, {"type": "error", "error": {"type": "request_too_large"}}),
    "gemini": (
        400,
        [
            wrapped(
                "The input token count (1200000) exceeds the maximum number of tokens allowed "
                "(1048576).",
                code=400,
                status="INVALID_ARGUMENT",
            )
        ],
    ),
    "vertex": (
        400,
        wrapped(
            "Unable to submit request because the input token count is 33000 but model only "
            "supports up to 32768.",
            status="INVALID_ARGUMENT",
        ),
    ),
    "bedrock": (400, {"message": "Input is too long for requested model."}),
    "bedrock titan": (400, {"message": "Too many input tokens. Max input tokens: 8192"}),
    "bedrock bounds": (
        400,
        {"message": "Malformed input request: expected maxLength: 20000, actual: 30000"},
    ),
    "xai": (
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains "
            "537812 tokens.",
        },
    ),
    "sglang": (
        400,
        {
            "object": "error",
            "message": "The input (40000 tokens) is longer than the model's context length (32768 "
            "tokens).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "vllm flat": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested "
            "5000 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "vllm prompt": (
        400,
        wrapped(
            "The decoder prompt (length 34000) is longer than the maximum model length of 32768."
        ),
    ),
    "fastapi text": (400, {"detail": "The prompt (total length 5000) is too long to fit"}),
    "fastapi list": (
        422,
        {
            "detail": [
                {"loc": ["body", "messages"], "msg": "prompt too long", "type": "value_error"}
            ]
        },
    ),
    "plain text": (413, b"Prompt is too long for this model"),
    "tgi": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
            "Given: 5000 `inputs` tokens and 10 `max_new_tokens`",
            "error_type": "validation",
        },
    ),
    "tgi inputs": (
        422,
        {"error": "Input validation error: `inputs` must have less than 1024 tokens."},
    ),
    "llama.cpp": (
        400,
        wrapped(
            "the request exceeds the available context size, try increasing it",
            code=400,
            type="exceed_context_size_error",
        ),
    ),
    "llama.cpp older": (500, wrapped("the request exceeds the available context size")),
    "ollama": (400, {"error": "the input length exceeds the context length"}),
    "mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with "
            "32768 maximum context length",
            "type": "invalid_request_error",
            "code": "3051",
        },
    ),
    "cohere": (
        400,
        {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081"},
    ),
    "groq": (
        400,
        wrapped(
            "Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
        ),
    ),
    "together": (
        422,
        wrapped("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 32769."),
    ),
    "kimi": (400, wrapped("Invalid request: Your request exceeded model token limit: 8192")),
    "openrouter": (
        400,
        wrapped(
            "Provider returned error",
            code=400,
            metadata={
                "raw": '{"error":{"message":"prompt is too long: 3 tokens > 2 maximum"}}',
                "provider_name": "Anthropic",
            },
        ),
    ),
    "nim": (400, wrapped("Input length 5000 exceeds maximum allowed token size 4096")),
    "watsonx": (
        400,
        {
            "errors": [
                {
                    "code": "invalid_input_argument",
                    "message": "the number of input tokens 5000 cannot exceed the total tokens "
                    "limit 4096 for this model",
                }
            ]
        },
    ),
}
OTHERS: dict[str, tuple[Kind, int, object]] = {
    "user too long": (
        Kind.STATUS,
        400,
        wrapped("Invalid 'user': string too long.", code="string_above_max_length", param="user"),
    ),
    "tool name too long": (
        Kind.STATUS,
        400,
        wrapped(
            "Invalid 'tools[0].function.name': string too long.",
            code="string_above_max_length",
            param="tools[0].function.name",
        ),
    ),
    "answer too long": (
        Kind.STATUS,
        400,
        wrapped("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens"),
    ),
    "answer too long, openai": (
        Kind.STATUS,
        400,
        wrapped(
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."
        ),
    ),
    "an ordinary mistake": (
        Kind.STATUS,
        400,
        wrapped("messages: at least one message is required"),
    ),
    "unsupported parameter": (
        Kind.STATUS,
        400,
        wrapped("Unsupported parameter: 'max_tokens' is not supported with this model."),
    ),
    "down": (Kind.STATUS, 503, wrapped("down")),
    "a proxy's page": (Kind.STATUS, 502, b"<html><title>502 Bad Gateway</title></html>"),
    "another resource": (Kind.STATUS, 404, wrapped("Previous response with id 'r' not found.")),
    "openai quota": (
        Kind.QUOTA,
        429,
        wrapped("You exceeded your current quota.", code="insufficient_quota"),
    ),
    "deepseek quota": (Kind.QUOTA, 402, wrapped("Insufficient Balance")),
    "anthropic quota": (
        Kind.QUOTA,
        400,
        wrapped("Your credit balance is too low to access the Anthropic API."),
    ),
    "anthropic limit": (
        Kind.QUOTA,
        400,
        wrapped("You have reached your specified API usage limits. You will regain access soon."),
    ),
    "xai quota": (
        Kind.QUOTA,
        403,
        {"code": "x", "error": "Your team has used all available credits or reached its limit."},
    ),
    "gemini a day": (
        Kind.QUOTA,
        429,
        wrapped(
            "You exceeded your current quota, please check your plan and billing details.",
            status="RESOURCE_EXHAUSTED",
            details=[{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}],
        ),
    ),
    "gemini a minute": (
        Kind.RATE_LIMIT,
        429,
        wrapped(
            "You exceeded your current quota, please check your plan and billing details.",
            status="RESOURCE_EXHAUSTED",
            details=[{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}],
        ),
    ),
    "vertex": (
        Kind.RATE_LIMIT,
        429,
        wrapped("Resource exhausted. Please try again later.", status="RESOURCE_EXHAUSTED"),
    ),
    "bedrock throttling": (
        Kind.RATE_LIMIT,
        429,
        {"message": "Too many tokens, please wait before trying again."},
    ),
    "groq size": (
        Kind.RATE_LIMIT,
        413,
        wrapped("Request too large for model on tokens per minute", code="rate_limit_exceeded"),
    ),
    "openrouter in an answer": (Kind.RATE_LIMIT, 200, wrapped("Provider returned error", code=429)),
    "anthropic event": (
        Kind.OVERLOADED,
        200,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    "anthropic overload": (Kind.OVERLOADED, 529, b""),
    "openai overload": (
        Kind.OVERLOADED,
        503,
        wrapped("The engine is currently overloaded, please try again later"),
    ),
    "gemini overload": (
        Kind.OVERLOADED,
        503,
        wrapped("The model is overloaded.", status="UNAVAILABLE"),
    ),
    "kimi overload": (Kind.OVERLOADED, 429, wrapped("busy", type="engine_overloaded_error")),
    "llama.cpp loading": (
        Kind.OVERLOADED,
        503,
        wrapped("Loading model", type="unavailable_error", code=503),
    ),
    "azure filter": (
        Kind.CONTENT_FILTER,
        400,
        wrapped(
            "The response was filtered",
            code="content_filter",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
    ),
    "deepseek filter": (Kind.CONTENT_FILTER, 400, wrapped("Content Exists Risk")),
    "openrouter filter": (
        Kind.CONTENT_FILTER,
        403,
        wrapped("Your chosen model requires moderation and your input was flagged"),
    ),
    "gemini key": (
        Kind.AUTH,
        400,
        wrapped(
            "API key not valid. Please pass a valid API key.",
            status="INVALID_ARGUMENT",
            details=[{"reason": "API_KEY_INVALID"}],
        ),
    ),
    "openai key": (Kind.AUTH, 401, wrapped("Incorrect API key", code="invalid_api_key")),
    "openai model": (
        Kind.MODEL_NOT_FOUND,
        404,
        wrapped("The model `x` does not exist or you do not have access", code="model_not_found"),
    ),
    "anthropic model": (
        Kind.MODEL_NOT_FOUND,
        404,
        wrapped("model: claude-9", type="not_found_error"),
    ),
    "vllm model": (
        Kind.MODEL_NOT_FOUND,
        404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError"},
    ),
    "ollama model": (Kind.MODEL_NOT_FOUND, 404, {"error": "model 'x' not found"}),
    "gemini model": (
        Kind.MODEL_NOT_FOUND,
        404,
        wrapped("models/x is not found for API version v1beta", status="NOT_FOUND"),
    ),
    "azure model": (
        Kind.MODEL_NOT_FOUND,
        404,
        wrapped("The API deployment for this resource does not exist.", code="DeploymentNotFound"),
    ),
    "bedrock model": (
        Kind.MODEL_NOT_FOUND,
        400,
        {"message": "The provided model identifier is invalid."},
    ),
}


def encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_prompt_too_long_is_read_in_every_providers_words(name: str) -> None:
    status, body = TOO_LONG[name]

    assert failure_kind(status, encoded(body)) is Kind.CONTEXT_LENGTH


@pytest.mark.parametrize("name", TOO_LONG)
def test_it_is_read_as_an_event_of_a_stream_too(name: str) -> None:
    assert failure_kind(200, encoded(TOO_LONG[name][1])) is Kind.CONTEXT_LENGTH


@pytest.mark.parametrize("name", OTHERS)
def test_other_refusals_have_their_own_kinds(name: str) -> None:
    kind, status, body = OTHERS[name]

    assert failure_kind(status, encoded(body)) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException:http://internal.amazon.com/", Kind.RATE_LIMIT),
        ("com.amazon.coral.service#ServiceQuotaExceededException", Kind.QUOTA),
        ("ExpiredTokenException", Kind.AUTH),
    ],
)
def test_a_code_in_a_header_tells_the_kind(code: str, kind: Kind) -> None:
    assert failure_kind(400, b'{"message":"no"}', code) is kind


def test_the_words_passed_on_by_a_proxy_are_the_message() -> None:
    status, body = TOO_LONG["openrouter"]

    assert status == 400
    assert read_error(encoded(body)).message == "prompt is too long: 3 tokens > 2 maximum"


def test_what_a_server_repeats_of_the_request_is_not_its_word() -> None:
    body = {"detail": [{"msg": "bad", "input": {"message": "prompt is too long", "code": "x"}}]}

    assert failure_kind(422, encoded(body)) is Kind.STATUS


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "raw", "x"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(status=st.integers(200, 599), body=_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_json_has_a_kind(status: int, body: bytes) -> None:
    assert failure_kind(status, body) in Kind


@given(status=st.integers(200, 599), body=st.binary(max_size=200))
def test_any_bytes_have_a_kind(status: int, body: bytes) -> None:
    assert failure_kind(status, body) in Kind
