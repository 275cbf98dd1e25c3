"""LiteLLM's `model_list`: one deployment of one model, as far as a ModelBackend can say it."""

import os
import re
from dataclasses import dataclass
from typing import Any, Final

from weir_cli.importing.identities import (
    azure_identity,
    google_identity,
    vertex_address,
    vertex_wires,
)
from weir_cli.importing.prices import read_price
from weir_cli.importing.providers import (
    AZURE,
    BEDROCK,
    PROVIDERS,
    VERTEX,
    Provider,
    split_model,
)
from weir_cli.importing.source import Section
from weir_policy.catalog.catalog import Catalog

ENVIRONMENT: Final = "os.environ/"
AZURE_VERSION: Final = "2024-10-21"  # the newest version that is not a preview
WIRES: Final = {"embedding": "embeddings", "completion": "completions", "responses": "responses"}
SERVED_MODES: Final = ("", "chat", *WIRES)
CAPABILITIES: Final = {
    "supports_function_calling": "tools",
    "supports_vision": "vision",
    "supports_response_schema": "jsonSchema",
}
_NOT_IN_VARIABLES: Final = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of `model_list`."""

    group: str  # what clients write in `model`
    identity: str  # deployments of one model in one group have the same
    model: str  # the provider's id
    spec: dict[str, Any]  # of a ModelBackend, without limits
    weight: float
    requests_per_minute: int
    tokens_per_minute: int
    output_price: float  # USD per million tokens; 0 where it is not known


def read_deployment(item: Section, catalog: Catalog) -> Deployment | None:
    """The deployment; None, with a note on it, where Weir can't call it."""
    params, info = item.section("litellm_params"), item.section("model_info")
    group, name = item.text("model_name"), params.text("model")
    mode = info.text("mode")
    prefix, model = split_model(name)
    provider = PROVIDERS.get(prefix)
    refusal = _refusal(group, name, prefix, mode)
    if refusal or provider is None:
        item.leave_out(refusal)
        return None
    azure = provider is AZURE
    base = info.text("base_model")
    priced = read_price(params, info, (prefix, base or model), catalog)
    endpoint, query = _ADDRESSES.get(provider, _plain)(params, provider, model)
    return Deployment(
        group=group,
        identity=f"{prefix}/{base or (group if azure else model)}",
        model=base or model,
        spec={
            "protocol": provider.protocol,
            "endpoint": endpoint,
            "wires": _wires(provider, mode, model),
            "model": base or model,
            "auth": _identity(params, provider) or _auth(params, provider, group),
            "query": query,
            "headers": _headers(params),
            "catalog": priced.catalog,
            "price": priced.price,
            "contextWindow": _whole(info.number("max_input_tokens")) or None,
            "capabilities": _capabilities(info),
            "timeouts": _timeouts(params),
            "retries": _retries(params),
        },
        weight=params.number("weight") or params.number("rpm") or 1.0,
        requests_per_minute=_whole(params.number("rpm")),
        tokens_per_minute=_whole(params.number("tpm")),
        output_price=priced.output,
    )


def seconds(value: float | None) -> str | None:
    """`30s`, `1500ms`; None where there is no duration."""
    if value is None or value <= 0:
        return None
    return f"{value:.0f}s" if value == int(value) else f"{value * 1000:.0f}ms"


def _refusal(group: str, name: str, prefix: str, mode: str) -> str:
    if not group or not name:
        return "it has no model_name or no litellm_params.model"
    if "*" in name:
        return (
            "the provider gets the name that the client wrote, which no backend does: write a "
            "backend for each model, or use the pattern in a policy's match.models"
        )
    if mode not in SERVED_MODES:
        return f"mode {mode} needs no decision: see passthrough in docs/policies.md"
    if prefix not in PROVIDERS:
        return f"the provider {prefix} is not known here: see docs/providers.md"
    return ""


def _plain(params: Section, provider: Provider, model: str) -> tuple[str, list[dict[str, str]]]:
    del model
    return _address(params) or provider.endpoint or _missing(params, "api_base"), []


def _azure(params: Section, provider: Provider, model: str) -> tuple[str, list[dict[str, str]]]:
    del provider
    address = _address(params) or _missing(params, "api_base")
    version = params.text("api_version")
    if address.endswith("/openai/v1"):
        return address, []
    if version.startswith(ENVIRONMENT):
        version = os.environ.get(version.removeprefix(ENVIRONMENT), "")
    if not version:
        version = AZURE_VERSION
        params.remark(f"no api_version: {version} is written, check it")
    query = [{"name": "api-version", "value": version}]
    return f"{address}/openai/deployments/{model}", query


def _bedrock(params: Section, provider: Provider, model: str) -> tuple[str, list[dict[str, str]]]:
    del provider, model
    region = params.text("aws_region_name")
    if region.startswith(ENVIRONMENT):
        region = os.environ.get(region.removeprefix(ENVIRONMENT), "")
    if not region:
        region = "us-east-1"
        params.remark(f"no aws_region_name: {region} is written, check it")
    address = _address(params) or params.text("aws_bedrock_runtime_endpoint")
    return address or f"https://bedrock-runtime.{region}.amazonaws.com", []


def _vertex(params: Section, provider: Provider, model: str) -> tuple[str, list[dict[str, str]]]:
    del provider, model
    return vertex_address(params), []


_ADDRESSES: Final = {AZURE: _azure, BEDROCK: _bedrock, VERTEX: _vertex}


def _wires(provider: Provider, mode: str, model: str) -> list[str]:
    if provider is VERTEX:
        return vertex_wires(model)
    return [WIRES[mode]] if mode in WIRES else []


def _identity(params: Section, provider: Provider) -> dict[str, Any]:
    """An identity of the provider's cloud; empty where there is none."""
    if provider is BEDROCK:
        return _aws(params)
    if provider is VERTEX:
        return google_identity(params)
    return azure_identity(params) if provider is AZURE else {}


def _aws(params: Section) -> dict[str, Any]:
    """The gateway's own identity in AWS, or a role that it assumes."""
    for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
        if params.take(name) is not None:
            params.note(name, "the key is not copied: put it into AWS's own variable, or a Secret")
    names = {"roleArn": "aws_role_name", "sessionName": "aws_session_name"}
    found = {field: params.text(name) for field, name in names.items()}
    found["profile"] = params.text("aws_profile_name")
    return {"aws": {k: v for k, v in found.items() if v and not v.startswith(ENVIRONMENT)}}


def _address(params: Section) -> str:
    name = "api_base" if "api_base" in params.fields else "base_url"
    address = params.text(name)
    if address.startswith(ENVIRONMENT):
        variable = address.removeprefix(ENVIRONMENT)
        address = os.environ.get(variable, "")
        if not address:
            params.note(name, f"write the address that {variable} holds into spec.endpoint")
            return f"https://{variable.lower().replace('_', '-')}.invalid"
    return address.rstrip("/")


def _missing(params: Section, name: str) -> str:
    params.remark(f"no {name}: write the address into spec.endpoint")
    return "https://address-missing.invalid"


def _auth(params: Section, provider: Provider, group: str) -> dict[str, str]:
    key = params.text("api_key")
    if key.startswith(ENVIRONMENT):
        variable = key.removeprefix(ENVIRONMENT)
    elif key and key.lower() not in {"none", "dummy", "fake", "empty"}:
        variable = f"{_NOT_IN_VARIABLES.sub('_', group.upper()).strip('_')}_API_KEY"
        params.note("api_key", f"the key is not copied: put it into the variable {variable}")
    else:
        variable = "" if _address(params) and provider is not AZURE else provider.key
    if not variable:
        return {}
    header = {"header": "api-key"} if provider is AZURE else {}
    return {"env": variable, **header}


def _headers(params: Section) -> list[dict[str, str]]:
    organization = params.text("organization")
    if organization.startswith(ENVIRONMENT):
        params.note("organization", "write its value into spec.headers as openai-organization")
    elif organization:
        return [{"name": "openai-organization", "value": organization}]
    return []


def _capabilities(info: Section) -> list[str] | None:
    """What is said; where not all of it is, nothing: unlisted means unknown."""
    stated = {field: info.take(name) for name, field in CAPABILITIES.items()}
    if None in stated.values():
        return None
    return [field for field, value in stated.items() if value]


def _timeouts(params: Section) -> dict[str, str]:
    total = seconds(params.number("timeout"))
    first = seconds(params.number("stream_timeout"))
    return {k: v for k, v in (("firstToken", first), ("total", total)) if v is not None}


def _retries(params: Section) -> dict[str, int]:
    name = "max_retries" if "max_retries" in params.fields else "num_retries"
    retries = params.number(name)
    return {} if retries is None else attempts(retries)


def attempts(retries: float) -> dict[str, int]:
    """LiteLLM counts retries, Weir the calls: at most 10."""
    return {"attempts": min(max(int(retries), 0) + 1, 10)}


def _whole(value: float | None) -> int:
    return int(value) if value is not None and 0 < value < 10**12 else 0
