"""What the resources refuse, one case a rule: run through the file parser and the API server alike.

`message` is the parser's; where the API server has words of its own for a plain type or bound,
`server` holds a part of them.
"""

from support import gate_cases, price_cases, spending_cases, stage_cases
from support.resource_case import backend_case as _backend
from support.resource_case import policy_case as _policy
from support.resources import REMOVED, Wire, backend, policy
from weir_policy.fields.json_values import PROTECTED_MESSAGE

URL = (
    "must be an http:// or https:// URL without user, password, query or fragment, "
    "like https://api.example.com/v1"
)
SHARE = "must be a share above 0% and below 100%, like 20%"
DECIMAL = 'must be a quoted decimal from "0" to "1", like "0.62"'
DURATION = "must be a duration above zero, like 250ms, 30s, 1m30s or 1.5h"
USD = 'must be a quoted amount of USD with at most 6 decimals, like "2.50"'
TWO = "threshold, strongShare and quality need exactly two candidates, weakest first"
ONE_OBJECTIVE = "write exactly one of threshold, strongShare, quality, budget and value"
ONE_AUTH = "write exactly one of secretRef, env, passthrough, aws, google and azure"
NAME = "must be a resource's name: lower-case letters, digits, '-' and '.', like gpt-4o-mini"


def _listed(names: list[str]) -> list[Wire]:
    return [{"backend": name} for name in names]


CASES = (
    # ModelBackend
    _backend(
        "wires",
        "spec.wires",
        ["speech"],
        "spec.wires[0]",
        "must be one of chat, responses, completions, embeddings, messages",
        "Unsupported value",
    ),
    _backend(
        "secret-header",
        "spec.headers",
        [{"name": "Authorization", "value": "Bearer x"}],
        "spec.headers[0].name",
        "is the gateway's own or carries secrets; a key goes in auth",
    ),
    _backend(
        "header-of-two-lines",
        "spec.headers",
        [{"name": "x-a", "value": "1\n2"}],
        "spec.headers[0].value",
        "must be one line of printable ASCII",
    ),
    _backend(
        "request-drop-messages",
        "spec.request",
        {"drop": ["seed", "messages"]},
        "spec.request.drop",
        PROTECTED_MESSAGE,
    ),
    _backend(
        "request-set-model",
        "spec.request",
        {"set": {"model": "x"}},
        "spec.request.set.model",
        PROTECTED_MESSAGE,
    ),
    _backend(
        "request-set-stream",
        "spec.request",
        {"set": {"stream": True}},
        "spec.request.set.stream",
        PROTECTED_MESSAGE,
    ),
    _backend(
        "request-set-messages",
        "spec.request",
        {"set": {"messages": [{"role": "user"}]}},
        "spec.request.set.messages",
        PROTECTED_MESSAGE,
    ),
    _backend(
        "request-max-stream",
        "spec.request",
        {"max": {"stream": 1}},
        "spec.request.max.stream",
        PROTECTED_MESSAGE,
    ),
    _backend(
        "request-max-text",
        "spec.request",
        {"max": {"max_tokens": "many"}},
        "spec.request.max.max_tokens",
        "must be a number, not text",
        "must be of type number",
    ),
    _backend(
        "request-path",
        "spec.request",
        {"drop": ["a b"]},
        "spec.request.drop[0]",
        "must be a field of the request, like stream_options or tools[].function.strict",
    ),
    _backend(
        "query",
        "spec.query",
        [{"name": "a b", "value": "1"}],
        "spec.query[0].name",
        "must be a URL parameter's name, like api-version",
    ),
    _backend(
        "header-of-passthrough",
        "spec.auth",
        {"passthrough": True, "header": "api-key"},
        "spec.auth.header",
        "header is for a key: with secretRef or env",
    ),
    _backend(
        "protocol",
        "spec.protocol",
        "grpc",
        "spec.protocol",
        "must be one of openai, anthropic",
        "Unsupported value",
    ),
    _backend(
        "no-protocol", "spec.protocol", REMOVED, "spec.protocol", "is required", "Required value"
    ),
    _backend(
        "no-endpoint", "spec.endpoint", REMOVED, "spec.endpoint", "is required", "Required value"
    ),
    _backend("no-scheme", "spec.endpoint", "api.example.com/v1", "spec.endpoint", URL),
    _backend("other-scheme", "spec.endpoint", "ftp://api.example.com", "spec.endpoint", URL),
    _backend(
        "credentials-in-url", "spec.endpoint", "https://u:p@api.example.com", "spec.endpoint", URL
    ),
    _backend(
        "query-in-url", "spec.endpoint", "https://api.example.com/v1?key=1", "spec.endpoint", URL
    ),
    _backend("space-in-url", "spec.endpoint", "https://api.example.com/v 1", "spec.endpoint", URL),
    _backend(
        "newline-after-url", "spec.endpoint", "https://api.example.com\n", "spec.endpoint", URL
    ),
    _backend("no-host", "spec.endpoint", "https:///v1", "spec.endpoint", URL),
    _backend(
        "empty-model",
        "spec.model",
        "",
        "spec.model",
        "is required, or write catalog",
    ),
    _backend("two-auths", "spec.auth", {"env": "A", "passthrough": True}, "spec.auth", ONE_AUTH),
    _backend("no-auth", "spec.auth", {}, "spec.auth", ONE_AUTH),
    _backend(
        "passthrough-false",
        "spec.auth",
        {"passthrough": False},
        "spec.auth.passthrough",
        "write passthrough: true, or leave it out",
    ),
    _backend(
        "variable",
        "spec.auth",
        {"env": "A-B"},
        "spec.auth.env",
        "must be the name of an environment variable, like OPENAI_API_KEY",
    ),
    _backend(
        "secret-name",
        "spec.auth",
        {"secretRef": {"name": "A", "key": "k"}},
        "spec.auth.secretRef.name",
        NAME,
    ),
    _backend(
        "secret-key",
        "spec.auth",
        {"secretRef": {"name": "a", "key": "a/b"}},
        "spec.auth.secretRef.key",
        "must be a key of a Secret: letters, digits, '-', '_' and '.', like api-key",
    ),
    _backend("price", "spec.price", {"input": "2,50"}, "spec.price.input", USD),
    _backend("negative-price", "spec.price", {"output": "-1"}, "spec.price.output", USD),
    _backend(
        "price-is-number",
        "spec.price",
        {"input": 2.5},
        "spec.price.input",
        "must be text, not a number",
        "must be of type string",
    ),
    _backend(
        "context-window",
        "spec.contextWindow",
        0,
        "spec.contextWindow",
        "must be from 1 to 4000000000",
        "should be greater than or equal to 1",
    ),
    _backend(
        "capability",
        "spec.capabilities",
        ["magic"],
        "spec.capabilities[0]",
        "must be one of tools, vision, jsonSchema",
        "Unsupported value",
    ),
    _backend(
        "capability-twice",
        "spec.capabilities",
        ["tools", "tools"],
        "spec.capabilities[1]",
        "tools is listed twice",
        "Duplicate value",
    ),
    _backend(
        "duration-without-unit", "spec.timeouts", {"total": "10"}, "spec.timeouts.total", DURATION
    ),
    _backend(
        "duration-out-of-order",
        "spec.timeouts",
        {"total": "30s1m"},
        "spec.timeouts.total",
        DURATION,
    ),
    _backend(
        "duration-of-no-part", "spec.timeouts", {"idle": "0h0m0s"}, "spec.timeouts.idle", DURATION
    ),
    _backend(
        "duration-below-a-millisecond",
        "spec.timeouts",
        {"idle": "0.0001s"},
        "spec.timeouts.idle",
        DURATION,
    ),
    _backend(
        "duration-zero", "spec.timeouts", {"connect": "0s"}, "spec.timeouts.connect", DURATION
    ),
    _backend(
        "namespace",
        "spec.allowedNamespaces",
        ["Team"],
        "spec.allowedNamespaces[0]",
        "must be a namespace's name, like team-a, or * for every namespace",
    ),
    # RoutePolicy
    _policy("no-match", "spec.match", REMOVED, "spec.match", "is required", "Required value"),
    _policy(
        "no-models",
        "spec.match.models",
        [],
        "spec.match.models",
        "must have at least 1 item, has 0",
        "should have at least 1 items",
    ),
    _policy(
        "model-with-space",
        "spec.match.models",
        ["a b"],
        "spec.match.models[0]",
        "must be a model name without spaces and with one * at most",
    ),
    _policy(
        "model-with-two-wildcards",
        "spec.match.models",
        ["*-a-*"],
        "spec.match.models[0]",
        "must be a model name without spaces and with one * at most",
    ),
    _policy(
        "model-twice",
        "spec.match.models",
        ["a", "a"],
        "spec.match.models[1]",
        "a is listed twice",
        "Duplicate value",
    ),
    _policy(
        "header-name",
        "spec.match.headers",
        [{"name": "x team", "value": "a"}],
        "spec.match.headers[0].name",
        "must be an HTTP header's name, like x-team",
    ),
    _policy(
        "header-twice",
        "spec.match.headers",
        [{"name": "x", "value": "a"}, {"name": "x", "value": "b"}],
        "spec.match.headers[1].name",
        "x is listed twice",
        "Duplicate value",
    ),
    _policy(
        "no-candidates",
        "spec.candidates",
        [],
        "spec.candidates",
        "must have at least 1 item, has 0",
        "should have at least 1 items",
    ),
    _policy(
        "three-candidates", "spec.candidates", _listed(["a", "b", "c"]), "spec.candidates", TWO
    ),
    _policy(
        "candidate-twice",
        "spec.candidates",
        _listed(["a", "a"]),
        "spec.candidates[1].backend",
        "a is listed twice",
        "Duplicate value",
    ),
    _policy(
        "candidate-name",
        "spec.candidates",
        _listed(["a", "shop/b"]),
        "spec.candidates[1].backend",
        NAME,
    ),
    _policy(
        "no-objective",
        "spec.objective",
        REMOVED,
        "spec.objective",
        "is required where candidates compete: write an objective",
    ),
    _policy("empty-objective", "spec.objective", {}, "spec.objective", ONE_OBJECTIVE),
    _policy(
        "two-objectives",
        "spec.objective",
        {"threshold": "0.5", "strongShare": "20%"},
        "spec.objective",
        ONE_OBJECTIVE,
    ),
    _policy(
        "threshold-above-one",
        "spec.objective",
        {"threshold": "1.5"},
        "spec.objective.threshold",
        DECIMAL,
    ),
    _policy(
        "threshold-negative",
        "spec.objective",
        {"threshold": "-0.5"},
        "spec.objective.threshold",
        DECIMAL,
    ),
    _policy(
        "threshold-is-number",
        "spec.objective",
        {"threshold": 0.5},
        "spec.objective.threshold",
        "must be text, not a number",
        "must be of type string",
    ),
    _policy(
        "share-without-percent",
        "spec.objective",
        {"strongShare": "0.2"},
        "spec.objective.strongShare",
        SHARE,
    ),
    _policy(
        "share-zero", "spec.objective", {"strongShare": "0%"}, "spec.objective.strongShare", SHARE
    ),
    _policy(
        "share-all", "spec.objective", {"strongShare": "100%"}, "spec.objective.strongShare", SHARE
    ),
    _policy(
        "retention",
        "spec.objective",
        {"quality": {"retention": "95"}},
        "spec.objective.quality.retention",
        SHARE,
    ),
    _policy(
        "rule-uses-stranger",
        "spec.rules",
        [
            {"name": "good", "when": "true", "use": "weak"},
            {"name": "leak", "when": "true", "use": "other"},
        ],
        "spec.rules",
        "rule leak: use must name one of the candidates, not other",
    ),
    _policy(
        "rule-name",
        "spec.rules",
        [{"name": "a b", "when": "true", "use": "weak"}],
        "spec.rules[0].name",
        "must be one word of letters, digits, '-' and '_', like long-tools",
    ),
    _policy(
        "rule-twice",
        "spec.rules",
        [
            {"name": "a", "when": "true", "use": "weak"},
            {"name": "a", "when": "false", "use": "weak"},
        ],
        "spec.rules[1].name",
        "a is listed twice",
        "Duplicate value",
    ),
    _policy(
        "rule-without-when",
        "spec.rules",
        [{"name": "a", "use": "weak"}],
        "spec.rules[0].when",
        "is required",
        "Required value",
    ),
    _policy(
        "scorer-failure",
        "spec.failureMode",
        {"scorer": "Weak"},
        "spec.failureMode.scorer",
        "must be one of weak, strong, reject",
        "Unsupported value",
    ),
    _policy(
        "upstream-stranger",
        "spec.failureMode",
        {"upstream": ["other"]},
        "spec.failureMode",
        "upstream must name candidates only",
    ),
    _policy(
        "client-threshold",
        "spec.expose",
        {"clientThreshold": {"min": "0.9", "max": "0.2"}},
        "spec.expose.clientThreshold.min",
        "min must not be above max",
    ),
    _policy(
        "no-money",
        "spec.limits",
        {"perKey": {"usdPerDay": "0.00"}},
        "spec.limits.perKey",
        "usdPerDay must be above 0",
    ),
    _policy(
        "expose-text",
        "spec.expose",
        {"score": "yes"},
        "spec.expose.score",
        "must be true or false, not text",
        "must be of type boolean",
    ),
    _policy(
        "mode",
        "spec.mode",
        "shadow",
        "spec.mode",
        "must be one of Enforce, Shadow",
        "Unsupported value",
    ),
    _policy(
        "probe-expects-stranger",
        "spec.probes",
        [{"prompt": "a", "expect": "other"}],
        "spec.probes",
        "expect must name one of the candidates in every probe",
    ),
    _policy(
        "router-name",
        "spec.router",
        {"name": "a b"},
        "spec.router.name",
        "must be one word of letters, digits, '-' and '_', like long-tools",
    ),
    _policy(
        "too-many-rules",
        "spec.rules",
        [{"name": f"r{i}", "when": "true", "use": "weak"} for i in range(33)],
        "spec.rules",
        "must have at most 32 items",
        "must have at most 32 items",
    ),
    _policy(
        "long-expression",
        "spec.rules",
        [{"name": "a", "when": "x" * 2049, "use": "weak"}],
        "spec.rules[0].when",
        "must be at most 2048 characters long",
        "may not be more than 2048",
    ),
    *spending_cases.CASES,
    *stage_cases.CASES,
    *gate_cases.CASES,
    *price_cases.CASES,
)

GOOD: dict[str, Wire] = {
    **spending_cases.GOOD,
    **stage_cases.GOOD,
    **gate_cases.GOOD,
    **price_cases.GOOD,
    "batches": backend(batches={"discount": "40%"}),
    "policy": policy(),
    "backend": backend(),
    "share": policy(objective={"strongShare": "0.5%"}),
    "quality": policy(objective={"quality": {"retention": "95%"}}),
    "threshold-one": policy(objective={"threshold": "1"}),
    "rules": policy(rules=[{"name": "a", "when": "request.tools > 0", "use": "weak"}]),
    "failure": policy(failureMode={"scorer": "reject", "upstream": ["strong", "weak"]}),
    "client": policy(expose={"clientThreshold": {"min": "0.2", "max": "0.2"}, "route": True}),
    "header": policy(match={"models": ["a"], "headers": [{"name": "X-Team", "value": "a"}]}),
    "probes": policy(probes=[{"prompt": "What is\n2+2?", "expect": "weak"}]),
    "other-namespace": policy(
        candidates=[{"backend": "weak"}, {"backend": "strong", "namespace": "models"}]
    ),
    "anthropic": backend(protocol="anthropic", endpoint="https://api.example.com"),
    "secret": backend(auth={"secretRef": {"name": "a.b", "key": "A_k.e-y"}}),
    "port-and-ipv6": backend(endpoint="http://[2001:db8::1]:8000/v1/"),
    "price": backend(price={"input": "0", "output": "9999999.999999"}),
    "timeouts": backend(timeouts={"connect": "250ms", "total": "24h"}),
    "compound-durations": backend(
        timeouts={"connect": "1s500ms", "firstToken": "1m30s", "idle": "0.5s", "total": "1h0m30s"}
    ),
    "confined-rule": policy(
        rules=[{"name": "ours", "when": "true", "use": "weak", "fallback": "none"}]
    ),
    "request": backend(
        request={
            "drop": ["stream_options", "tools[].function.strict"],
            "set": {"reasoning_effort": "low", "thinking": {"type": "enabled", "x": [1, None]}},
            "max": {"max_tokens": 8192, "temperature": 1.5},
        }
    ),
    "long-name": backend(name="a" * 253),
    "shared": backend(allowedNamespaces=["*"]),
}
