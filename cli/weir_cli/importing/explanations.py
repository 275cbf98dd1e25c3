"""What a LiteLLM setting without a counterpart is in Weir, for the note on its line."""

from typing import Final

from weir_policy.fields.mistakes import Path

NO_COUNTERPART: Final = "left out: no counterpart"
TELEMETRY: Final = "left out: traces, metrics and logs go out by OpenTelemetry (docs/telemetry.md)"
KEYS: Final = "left out: make client keys with `weir key create` (docs/keys.md)"
DATABASE: Final = "left out: the ledger has a file of its own (docs/ledger.md)"
REDIS: Final = "left out: set WEIR_REDIS (docs/configuration.md)"
BUDGETS: Final = "left out: write limits or a budget objective (docs/limits.md, docs/budget.md)"
BY_NAME: Final = {
    "alert_types": TELEMETRY,
    "alerting": TELEMETRY,
    "alerting_threshold": TELEMETRY,
    "api_key": KEYS,
    "budget_duration": BUDGETS,
    "budget_limits": BUDGETS,
    "cache_params": "left out: docs/cache.md says what a policy's cache can do",
    "callbacks": TELEMETRY,
    "custom_auth": KEYS,
    "database_connection_pool_limit": DATABASE,
    "database_url": DATABASE,
    "default_key_generate_params": KEYS,
    "drop_params": "done always: what a provider can't take is left out, named in x-weir-dropped",
    "enable_pre_call_checks": "done always: a prompt goes to models whose contextWindow it fits",
    "failure_callback": TELEMETRY,
    "guardrails": "left out: Weir has no guardrails of its own",
    "json_logs": "done always: logs are JSON",
    "master_key": KEYS,
    "max_budget": BUDGETS,
    "max_parallel_requests": "left out: write limits.inFlight on the backend",
    "num_workers": "left out: `weir up --workers`, or replicas in the chart",
    "provider_budget_config": BUDGETS,
    "redis_host": REDIS,
    "redis_password": REDIS,
    "redis_port": REDIS,
    "redis_url": REDIS,
    "routing_strategy": "done always: of two random endpoints the less loaded one is called",
    "set_verbose": "left out: WEIR_LOG_LEVEL=debug",
    "store_model_in_db": "left out: policies are files or Kubernetes resources",
    "success_callback": TELEMETRY,
    "tags": "left out: match requests by headers (match.headers)",
    "turn_off_message_logging": "done always: no prompt or answer is logged",
}
BY_SECTION: Final = {
    "environment_variables": "left out: set it in the environment of `weir up`",
    "litellm_params": "left out: clients send it, or a backend's request.set does",
    "mcp_servers": "left out: Weir routes model calls alone",
    "model_info": "left out: it says nothing that Weir reads",
}


def explanation(path: Path) -> str:
    """The text for the field at `path`, which nothing has read."""
    names = [part for part in path if isinstance(part, str)]
    if names and names[-1] in BY_NAME:
        return BY_NAME[names[-1]]
    return next((BY_SECTION[name] for name in names if name in BY_SECTION), NO_COUNTERPART)
