"""`weir import`: other gateways' configurations as policies, with a note for what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weir_cli.failure import Failure
from weir_cli.importing.command import import_
from weir_cli.importing.litellm import import_litellm
from weir_operator.local import compile_paths

SECRET = "sk-never-to-be-copied"  # noqa: S105 - a made-up key
CONFIG = f"""\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_EU
      api_version: "2024-10-21"
      rpm: 60
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-ca
      api_base: https://ca.openai.azure.com
      api_key: {SECRET}
      api_version: "2024-10-21"
      rpm: 120
      temperature: 0.2
  - model_name: mix
    litellm_params: {{model: anthropic/claude-sonnet-4-5}}
    model_info: {{input_cost_per_token: 3e-06, output_cost_per_token: 1.5e-05}}
  - model_name: mix
    litellm_params: {{model: gpt-4o-mini, input_cost_per_token: "1.5e-07"}}
  - model_name: local
    litellm_params: {{model: ollama/llama3.1, timeout: 2.5}}
  - model_name: "openai/*"
    litellm_params: {{model: "openai/*"}}
  - model_name: "claude-*"
    litellm_params: {{model: anthropic/claude-haiku-4-5}}
  - model_name: pictures
    litellm_params: {{model: openai/dall-e-3}}
    model_info: {{mode: image_generation}}
  - model_name: aws
    litellm_params:
      model: bedrock/converse/us.amazon.nova-pro-v1:0
      aws_region_name: eu-central-1
      aws_role_name: arn:aws:iam::123456789012:role/weir
      aws_secret_access_key: {SECRET}
  - model_name: vectors
    litellm_params: {{model: openai/text-embedding-3-small}}
    model_info: {{mode: embedding}}
litellm_settings:
  drop_params: true
  num_retries: 3
  request_timeout: 600
  fallbacks: [{{gpt-4o: [local, mix]}}]
  context_window_fallbacks: [{{mix: [local]}}, {{local: ["claude-*"]}}]
  success_callback: [langfuse]
  cache: true
  cache_params: {{type: redis, ttl: 600, host: cache}}
router_settings:
  routing_strategy: least-busy
  model_group_alias: {{gpt-4: gpt-4o, hidden: {{model: gpt-4o, hidden: true}}}}
  allowed_fails: 2
  cooldown_time: 30
general_settings:
  master_key: {SECRET}
  something_new: 1
"""


def run(tmp_path: Path, config: str, *arguments: str) -> Result:
    """`weir import litellm` on a file with `config`."""
    file = tmp_path / "config.yaml"
    file.write_text(config, encoding="utf-8")
    return CliRunner().invoke(import_, ["litellm", str(file), *arguments])


def imported(tmp_path: Path, config: str = CONFIG) -> dict[str, Any]:
    done = run(tmp_path, config, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def specs(report: dict[str, Any], kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in report[kind]}


def notes(report: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {note["path"]: (note["line"], note["text"]) for note in report["notes"]}


def test_deployments_of_one_model_are_endpoints_of_one_backend(tmp_path: Path) -> None:
    backend = specs(imported(tmp_path), "backends")["gpt-4o"]
    assert backend["endpoint"] == "https://eu.openai.azure.com/openai/deployments/gpt-4o-eu"
    assert backend["auth"] == {"env": "AZURE_EU", "header": "api-key"}
    assert backend["query"] == [{"name": "api-version", "value": "2024-10-21"}]
    assert backend["limits"] == {"requestsPerMinute": 180}
    (endpoint,) = backend["endpoints"]
    assert endpoint["endpoint"].startswith("https://ca.openai.azure.com/openai/deployments/")
    assert endpoint["weight"] == 20


def test_settings_of_all_models_are_written_into_each_backend(tmp_path: Path) -> None:
    backends = specs(imported(tmp_path), "backends")
    assert backends["local"]["timeouts"] == {"total": "2500ms"}
    assert backends["gpt-4o"]["timeouts"] == {"total": "600s"}
    assert all(backend["retries"] == {"attempts": 4} for backend in backends.values())
    assert backends["local"]["breaker"] == {"failures": 3, "window": "60s", "open": "30s"}
    assert backends["vectors"]["wires"] == ["embeddings"]
    assert backends["mix-claude-sonnet-4-5"]["price"] == {"input": "3", "output": "15"}
    assert backends["mix-gpt-4o-mini"]["price"] == {"input": "0.15"}


PRICES = """
model_list:
  - model_name: long
    litellm_params: {model: openai/long}
    model_info:
      input_cost_per_token: 3e-06
      output_cost_per_token: 1.5e-05
      cache_creation_input_token_cost_above_1hr: 6e-06
      input_cost_per_token_above_200k_tokens: 6e-06
      output_cost_per_token_above_200k_tokens: 2.25e-05
      input_cost_per_token_batches: 1.5e-06
      output_cost_per_token_priority: 3e-05
  - model_name: dated
    litellm_params: {model: anthropic/claude-haiku-4-5-20251001}
  - model_name: nova
    litellm_params: {model: bedrock/us.amazon.nova-pro-v1:0, aws_region_name: us-east-1}
  - model_name: groq
    litellm_params: {model: groq/openai/gpt-oss-120b}
  - model_name: both
    litellm_params: {model: openai/gpt-4o}
  - model_name: both
    litellm_params: {model: openai/gpt-4o-mini}
"""


def test_prices_of_every_kind_are_written_or_the_catalog_s_model_is_named(tmp_path: Path) -> None:
    report = imported(tmp_path, PRICES)
    backends = specs(report, "backends")
    assert backends["long"]["price"] == {
        "input": "3",
        "output": "15",
        "cacheWrite1h": "6",
        "tiers": [{"above": 200_000, "input": "6", "output": "22.5"}],
        "batch": {"input": "1.5"},
        "serviceTiers": [{"name": "priority", "output": "30"}],
    }
    assert backends["dated"]["catalog"] == "anthropic/claude-haiku-4-5"
    assert backends["nova"]["catalog"] == "amazon/nova-pro"
    assert backends["groq"]["catalog"] == "groq/gpt-oss-120b"
    assert backends["dated"]["model"] == "claude-haiku-4-5-20251001"
    assert "price" not in backends["dated"]
    candidates = specs(report, "policies")["both"]["candidates"]
    assert [c["backend"] for c in candidates] == ["both-gpt-4o-mini", "both-gpt-4o"]


def test_bedrock_is_called_by_a_role(tmp_path: Path) -> None:
    backend = specs(imported(tmp_path), "backends")["aws"]
    assert backend["endpoint"] == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert backend["model"] == "us.amazon.nova-pro-v1:0"
    assert backend["auth"] == {"aws": {"roleArn": "arn:aws:iam::123456789012:role/weir"}}


CLOUDS = f"""\
model_list:
  - model_name: gemini
    litellm_params:
      model: vertex_ai/gemini-2.5-pro
      vertex_project: shop
      vertex_location: europe-west1
      vertex_credentials: {SECRET}
  - model_name: claude
    litellm_params:
      model: vertex_ai/claude-sonnet-4-5@20250929
      vertex_project: shop
      vertex_location: global
  - model_name: llama
    litellm_params: {{model: vertex_ai/meta/llama-4-maverick, vertex_project: shop}}
  - model_name: gpt
    litellm_params:
      model: azure/gpt
      api_base: https://shop.openai.azure.com
      tenant_id: t
      client_id: c
      client_secret: os.environ/APPLICATION_SECRET
"""


def test_identities_of_google_and_azure(tmp_path: Path) -> None:
    report = imported(tmp_path, CLOUDS)
    backends = specs(report, "backends")
    vertex = "https://{}.googleapis.com/v1/projects/shop/locations/{}"
    assert {name: (spec["endpoint"], spec.get("wires")) for name, spec in backends.items()} == {
        "gemini": (vertex.format("europe-west1-aiplatform", "europe-west1"), None),
        "claude": (vertex.format("aiplatform", "global"), ["messages"]),
        "llama": (vertex.format("us-central1-aiplatform", "us-central1"), ["chat"]),
        "gpt": ("https://shop.openai.azure.com/openai/deployments/gpt", None),
    }
    assert backends["gemini"]["auth"] == {"google": {}}
    application = {"tenantId": "t", "clientId": "c", "env": "APPLICATION_SECRET"}
    assert backends["gpt"]["auth"] == {"azure": application}


def test_a_fallback_is_the_second_candidate_and_answers_only_then(tmp_path: Path) -> None:
    policy = specs(imported(tmp_path), "policies")["gpt-4o"]
    assert policy["match"]["models"] == ["gpt-4o", "gpt-4", "hidden"]
    assert policy["candidates"] == [{"backend": "gpt-4o"}, {"backend": "local"}]
    assert policy["rules"][0]["use"] == "gpt-4o"
    assert policy["failureMode"]["upstream"] == ["local"]
    longer = specs(imported(tmp_path), "policies")["local"]
    assert longer["failureMode"] == {"upstream": ["claude"], "fallbackOn": ["contextLength"]}


def test_patterns_are_kept_where_the_provider_gets_one_model(tmp_path: Path) -> None:
    report = imported(tmp_path)
    assert specs(report, "policies")["claude"]["match"]["models"] == ["claude-*"]
    assert "openai" not in specs(report, "policies")


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        ("model_list[1].litellm_params.temperature", 16, "request.set"),
        ("model_list[1].litellm_params.api_key", 13, "is not copied"),
        ("model_list[5]", 24, "the name that the client wrote"),
        ("model_list[7]", 28, "passthrough"),
        ("litellm_settings.fallbacks", 44, "a policy has one"),
        ("litellm_settings.success_callback", 46, "OpenTelemetry"),
        ("litellm_settings.cache_params.type", 48, "WEIR_REDIS"),
        ("general_settings.master_key", 55, "weir key create"),
        ("general_settings.something_new", 56, "no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_told_with_its_line(
    tmp_path: Path, path: str, line: int, text: str
) -> None:
    found = notes(imported(tmp_path))[path]
    assert found[0] == line
    assert text in found[1]


def test_no_key_is_copied_anywhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(tmp_path, CONFIG, "--out", str(out))
    assert done.exit_code == 0
    written = "".join(file.read_text() for file in out.iterdir())
    assert SECRET not in written + done.output + run(tmp_path, CONFIG, "--json").output
    assert "GPT_4O_API_KEY" in written


def test_what_is_written_is_what_the_planner_takes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(tmp_path, CONFIG, "--out", str(out)).exit_code == 0
    compiled = compile_paths([out])
    assert not compiled.mistakes
    assert len(compiled.table.policies) == 6
    again = run(tmp_path, CONFIG, "--out", str(out))
    assert again.exit_code == 1
    assert "exists" in again.output


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("model_list: [", "is not YAML"),
        ("model_list: []", "nothing that Weir can serve"),
        ("- a", "nothing that Weir can serve"),
        ("", "nothing that Weir can serve"),
        ("model_list: [{model_name: a, litellm_params: {model: sagemaker/x}}]", "sagemaker"),
        ("model_list: [{model_name: 'a b', litellm_params: {model: gpt-4o}}]", "without spaces"),
    ],
)
def test_bad_configurations_are_told(tmp_path: Path, config: str, message: str) -> None:
    done = run(tmp_path, config)
    assert done.exit_code == 1
    assert message in done.output


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = ["model_name", "litellm_params", "model_info"]
PARAMS = [
    "model",
    "api_base",
    "api_key",
    "rpm",
    "weight",
    "timeout",
    "mode",
    "input_cost_per_token",
]
ITEM = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.dictionaries(st.sampled_from(PARAMS), JSON | st.just("openai/x"))
        for name in NAMES
    },
)
SETTINGS = st.dictionaries(
    st.sampled_from(["fallbacks", "cache", "cache_params", "model_group_alias", "num_retries"]),
    JSON,
)


@given(items=st.lists(ITEM, max_size=3) | JSON, general=SETTINGS | JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_configuration_is_imported_or_refused(
    tmp_path: Path, items: object, general: object
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"model_list": items, "router_settings": general}), "utf-8")
    try:
        made = import_litellm(file)
    except Failure:
        return
    assert len(made.policies) <= len(made.backends)
    yaml.safe_load_all(made.yaml)


def test_routellm_keeps_its_model_names_and_its_share(tmp_path: Path) -> None:
    config = tmp_path / "routellm.yaml"
    config.write_text("mf:\n  checkpoint_path: routellm/mf_gpt4_augmented\n")
    done = CliRunner().invoke(
        import_,
        ["routellm", "--strong-model", "gpt-4-1106-preview", "--weak-model", "groq/llama-3.1-8b",
         "--routers", "mf,bert", "--strong-model-pct", "0.3", "--config", str(config), "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    policy = specs(report, "policies")["routellm"]
    assert policy["candidates"] == [{"backend": "llama-3-1-8b"}, {"backend": "gpt-4-1106-preview"}]
    assert policy["objective"] == {"strongShare": "30%"}
    assert policy["expose"]["clientThreshold"] == {"min": "0", "max": "1"}
    assert specs(report, "backends")["llama-3-1-8b"]["auth"] == {"env": "GROQ_API_KEY"}
    told = notes(report)
    assert "no router bert" in told["--routers"][1]
    assert told["mf.checkpoint_path"][0] == 2
